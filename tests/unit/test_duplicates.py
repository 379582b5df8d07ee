import random

import pytest
from drawn import DUPLICATES, encoded, picture
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from quakelens.duplicates import PictureHash, cluster, hash_picture, near
from quakelens.hash_index import HashIndex
from quakelens.images import decode


def captioned(image: Image.Image) -> Image.Image:
    copy = image.copy()
    draw = ImageDraw.Draw(copy)
    draw.rectangle((0, int(copy.height * 0.9), copy.width, copy.height), fill="black")
    draw.text((4, int(copy.height * 0.9)), "BREAKING", fill="white")
    return copy


VARIANTS = {
    "jpeg": lambda image: decode(encoded(image, quality=30)),
    "webp": lambda image: decode(encoded(image, "WEBP", quality=50)),
    "smaller": lambda image: image.resize((image.width // 2, image.height // 2)),
    "squashed": lambda image: image.resize((120, 120)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "captioned": captioned,
    "mirrored": lambda image: decode(encoded(ImageOps.mirror(image), quality=60)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_a_picture_are_near_duplicates_both_ways(variant):
    for seed in range(8):
        original = hash_picture(picture(seed))
        changed = hash_picture(VARIANTS[variant](picture(seed)))
        assert near(original, changed, DUPLICATES), seed
        assert near(changed, original, DUPLICATES), seed


def test_unrelated_pictures_are_not():
    hashes = [hash_picture(picture(seed)) for seed in range(60)]
    assert cluster(hashes, DUPLICATES) == list(range(60))


def test_flat_pictures_never_match_by_hash():
    flat = hash_picture(Image.new("RGB", (100, 80), (120, 120, 120)))
    assert flat.detail == 0
    assert not near(flat, flat, DUPLICATES)
    assert cluster([flat, flat], DUPLICATES) == [0, 1]


def test_one_hash_alone_is_not_enough_when_the_other_contradicts():
    a = PictureHash(phash=0, dhash=0, phash_mirrored=2**64 - 1, detail=50)
    assert near(a, PictureHash(0, (1 << 22) - 1, 2**64 - 1, 50), DUPLICATES)
    assert not near(a, PictureHash(0, (1 << 23) - 1, 2**64 - 1, 50), DUPLICATES)
    assert near(a, PictureHash((1 << 10) - 1, 0, 2**64 - 1, 50), DUPLICATES)
    assert not near(a, PictureHash((1 << 11) - 1, (1 << 9) - 1, 2**64 - 1, 50), DUPLICATES)


def test_hashes_are_unsigned_64_bit():
    for seed in range(20):
        found = hash_picture(picture(seed))
        for value in (found.phash, found.dhash, found.phash_mirrored):
            assert 0 <= value < 2**64
    assert max(hash_picture(picture(seed)).phash for seed in range(20)) >= 2**63


def test_clusters_follow_chains_and_do_not_depend_on_order():
    base = 0x0F0F_3C3C_A5A5_9696
    chain = [PictureHash(base ^ ((1 << 9 * step) - 1), base, 0, 50) for step in range(3)]
    chain = [PictureHash(h.phash, base ^ (((1 << 9 * step) - 1) << 20), 0, 50) for step, h in enumerate(chain)]
    assert not near(chain[0], chain[2], DUPLICATES)
    others = [hash_picture(picture(seed)) for seed in range(150)]  # more than one block of comparisons
    hashes = [*chain, *others, chain[0]]
    labels = cluster(hashes, DUPLICATES)
    assert labels[:3] == [0, 0, 0] and labels[-1] == 0
    assert labels[3:-1] == list(range(3, 153))
    order = list(range(len(hashes)))
    random.Random(3).shuffle(order)
    shuffled = cluster([hashes[position] for position in order], DUPLICATES)
    groups = {frozenset(order[i] for i, other in enumerate(shuffled) if other == label) for label in shuffled}
    assert groups == {frozenset(i for i, other in enumerate(labels) if other == label) for label in labels}
    assert all(label <= position for position, label in enumerate(shuffled))


def test_nothing_to_cluster():
    assert cluster([], DUPLICATES) == []


def test_index_finds_what_near_finds_while_it_grows():
    index: HashIndex[str] = HashIndex(DUPLICATES)
    assert index.find(hash_picture(picture(0))) == []
    hashes = {f"{seed}{kind}": hash_picture(image) for seed in range(70) for kind, image in
              (("", picture(seed)), ("-small", picture(seed).resize((80, 60))))}  # fmt: skip
    for key, value in hashes.items():
        index.add(key, value)
    assert len(index) == 140
    for seed in (0, 33, 69):
        query = hash_picture(captioned(picture(seed)))
        expected = [key for key, value in hashes.items() if near(query, value, DUPLICATES)]
        assert index.find(query) == expected == [f"{seed}", f"{seed}-small"]
