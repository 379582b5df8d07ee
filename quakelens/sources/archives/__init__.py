"""Archives that a user has: files of posts that someone collected, brought in like the pages of a network.

1. `find` says what there is at a path, and in which of three forms: JSON lines, CrisisMMD's TSV, pictures.
2. `reading` reads on from a position in files of any length, a page's worth at a time.
3. `page` is what goes into the archive of raw pages: a head, and below it the lines as they are.
4. `payload` reads such pages and takes posts out: `lines` tells the shapes of JSON lines apart, `crisismmd` and
   `pictures` read the other two forms.
5. `source` puts it together, as a source that is read whole, once.
"""
