"""What is still to be done is looked up from the few things that are pending, not from the many posts."""

from pathlib import Path

from harvest_world import EARTHQUAKE, NOW, new_store, post
from sqlalchemy import event

from quakelens.store import Store, earthquakes, media, scores
from quakelens.store.media import NewPicture, add_picture, set_fetched
from quakelens.store.posts import PageRow, add_page


def filled(folder: Path, pages: int) -> Store:
    """A store with 100 posts a page, one in ten with a picture; the pictures of the last page are pending."""
    store = new_store(folder)
    earthquakes.save(store, EARTHQUAKE, NOW)
    for number in range(pages):
        posts = [
            post(100 * number + i + 1, 1 + number, pictures=[100 * number + i] if i % 10 == 0 else [])
            for i in range(100)
        ]
        page = PageRow(
            path=f"a/{number}.gz", earthquake=EARTHQUAKE.id, source="x", kind="window", query="quake", fetched_at=NOW,
            read=100, authors=7, outside=0, problems=(),
        )  # fmt: skip
        add_page(store, page, posts)
    with store.write() as connection:
        for number, item in enumerate(media.pending(store, EARTHQUAKE.id)[:-10]):
            picture = NewPicture(f"{number:064x}", "p", 1, 1, 1, "JPEG", NOW, None)
            add_picture(connection, picture, [])
            set_fetched(connection, item, picture.sha256, NOW)
    return store


def steps(store: Store, look_up: object) -> int:
    """Steps of SQLite's machine in thousands, which unlike seconds are the same each time."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    def watch(connection: object, *_: object) -> None:
        connection.connection.driver_connection.set_progress_handler(tick, 100)  # type: ignore[attr-defined]

    event.listen(store._engine, "begin", watch)
    look_up()  # type: ignore[operator]
    event.remove(store._engine, "begin", watch)
    return count


def test_cost_of_looking_up_pending_work_does_not_grow_with_the_posts(tmp_path: Path) -> None:
    costs = []
    for pages in (5, 50):
        folder = tmp_path / str(pages)
        folder.mkdir()
        store = filled(folder, pages)
        last = [f"{number:064x}" for number in range(10 * pages - 20, 10 * pages - 10)]
        found = scores.unscored(store, EARTHQUAKE.id, "3", among=last)
        assert [each.sha256 for each in found] == last
        assert len(media.pending(store, EARTHQUAKE.id, 100)) == 10
        costs.append(
            (
                steps(store, lambda store=store: media.pending(store, EARTHQUAKE.id, 100)),
                steps(store, lambda store=store: media.to_retry(store, EARTHQUAKE.id, 100)),
                steps(store, lambda store=store, last=last: scores.unscored(store, EARTHQUAKE.id, "3", among=last)),
            )
        )
    assert all(many <= 2 * few + 2 for few, many in zip(*costs, strict=True)), costs
