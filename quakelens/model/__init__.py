"""The model: a backbone that looks at a picture, a head that decides, and the whole of it on disk."""
