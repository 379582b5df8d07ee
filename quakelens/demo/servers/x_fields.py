"""The names that X takes in the lists of a request, in both spellings."""

from __future__ import annotations

POST_FIELDS = (
    "attachments", "author_id", "context_annotations", "conversation_id", "created_at", "edit_controls",
    "edit_history_post_ids", "edit_history_tweet_ids", "entities", "geo", "id", "in_reply_to_user_id", "lang",
    "note_post", "note_tweet", "possibly_sensitive", "public_metrics", "referenced_posts", "referenced_tweets",
    "reply_settings", "source", "text", "withheld",
)  # fmt: skip

LISTS: dict[str, tuple[str, ...]] = {
    "expansions": (
        "attachments.media_keys", "attachments.poll_ids", "author_id", "edit_history_post_ids",
        "edit_history_tweet_ids", "entities.mentions.username", "geo.place_id", "in_reply_to_user_id",
        "referenced_posts", "referenced_posts.id", "referenced_tweets.id", "referenced_tweets.id.author_id",
    ),
    "tweet.fields": POST_FIELDS,
    "post.fields": POST_FIELDS,
    "media.fields": (
        "alt_text", "duration_ms", "height", "media_key", "non_public_metrics", "preview_image_url",
        "public_metrics", "type", "url", "variants", "width",
    ),
    "place.fields": (
        "contained_within", "country", "country_code", "full_name", "geo", "id", "name", "place_type",
    ),
    "poll.fields": ("duration_minutes", "end_datetime", "id", "options", "voting_status"),
    "user.fields": (
        "created_at", "description", "entities", "id", "location", "name", "pinned_tweet_id",
        "profile_image_url", "protected", "public_metrics", "url", "username", "verified", "verified_type",
        "withheld",
    ),
}  # fmt: skip

OF_TWEETS = frozenset(
    {"edit_history_tweet_ids", "note_tweet", "referenced_tweets", "referenced_tweets.id",
     "referenced_tweets.id.author_id", "tweet.fields"}
)  # fmt: skip
OF_POSTS = frozenset(
    {"edit_history_post_ids", "note_post", "referenced_posts", "referenced_posts.id", "post.fields"}
)  # fmt: skip
"""Names and values of one spelling only."""
