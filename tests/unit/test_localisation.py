"""Pointing game and energy, on maps made by hand and by their invariants."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quakelens.errors import DataError
from quakelens.evaluation.localisation import (
    WHOLE,
    area,
    centred_gaussian,
    covered,
    energy,
    pointing,
    summarise,
)
from quakelens.model.preprocessing import Preprocessing

LEFT_HALF = (0.0, 0.0, 0.5, 1.0)


def test_energy_is_the_share_of_the_positive_mass_inside():
    heat = np.array([[3.0, 1.0], [-5.0, 0.0]])
    assert energy(heat, WHOLE, [LEFT_HALF]) == pytest.approx(3 / 4)
    assert energy(heat, WHOLE, [(0.5, 0.0, 1.0, 1.0)]) == pytest.approx(1 / 4)
    assert energy(heat, WHOLE, [(0.0, 0.5, 1.0, 1.0)]) == 0


def test_a_cell_cut_by_an_edge_counts_by_its_area():
    heat = np.array([[4.0, 1.0]])
    # A quarter of the width of the first cell and the upper fifth of its height.
    assert energy(heat, WHOLE, [(0.0, 0.0, 0.125, 0.2)]) == pytest.approx(4 / 5 * 0.25 * 0.2)
    # A box inside of one cell, touching none of its edges.
    assert covered((1, 2), WHOLE, [(0.6, 0.3, 0.7, 0.8)]) == pytest.approx(np.array([[0.0, 0.1]]))


def test_overlapping_boxes_count_once():
    boxes = [(0.0, 0.0, 0.6, 0.6), (0.4, 0.4, 1.0, 1.0)]
    assert area(boxes) == pytest.approx(0.36 + 0.36 - 0.04)
    assert energy(np.ones((7, 7)), WHOLE, boxes) == pytest.approx(0.68)


def test_a_centre_crop_lies_on_a_part_of_the_picture():
    part = Preprocessing(size=8, resize="crop").seen(400, 200)  # the middle half
    heat = np.array([[1.0, 0.0], [0.0, 0.0]])
    # The map's upper left cell spans 0.25 to 0.5 of the width.
    assert energy(heat, part, [(0.25, 0.0, 0.5, 0.5)]) == pytest.approx(1)
    assert energy(heat, part, [(0.0, 0.0, 0.375, 0.5)]) == pytest.approx(1 / 2)
    assert energy(heat, part, [(0.0, 0.0, 0.25, 1.0)]) == 0
    assert pointing(heat, part, [(0.37, 0.2, 0.38, 0.3)]) == 1
    assert pointing(heat, part, [(0.2, 0.2, 0.3, 0.3)]) == 0


def test_what_lies_on_padding_is_outside():
    part = Preprocessing(size=8, resize="pad").seen(400, 200)  # as much grey as picture
    assert energy(np.ones((4, 4)), part, [WHOLE]) == pytest.approx(0.5)


def test_pointing_takes_the_middle_of_the_largest_cell():
    heat = np.array([[0.0, 0.2, 0.0], [0.0, 0.0, 0.9]])
    assert pointing(heat, WHOLE, [(0.8, 0.7, 0.9, 0.8)]) == 1
    assert pointing(heat, WHOLE, [(0.0, 0.0, 0.8, 1.0)]) == 0
    assert pointing(heat, WHOLE, [(0.0, 0.0, 0.1, 0.1), (0.8, 0.7, 0.9, 0.8)]) == 1


def test_the_edge_of_a_box_is_inside():
    heat = np.array([[0.0, 1.0]])
    assert pointing(heat, WHOLE, [(0.75, 0.5, 1.0, 1.0)]) == 1
    assert pointing(heat, WHOLE, [(0.0, 0.0, 0.75, 0.5)]) == 1


def test_ties_count_by_their_share_inside():
    heat = np.array([[1.0, 1.0, 1.0, 0.0]])
    assert pointing(heat, WHOLE, [LEFT_HALF]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("heat", [np.zeros((3, 3)), np.full((3, 3), -1.0)])
def test_a_map_that_shows_nothing_is_a_miss(heat):
    assert pointing(heat, WHOLE, [WHOLE]) == 0
    assert energy(heat, WHOLE, [WHOLE]) == 0


@pytest.mark.parametrize("scale", [1e-300, 1e306])
def test_the_scale_of_a_map_does_not_matter(scale):
    heat = np.arange(30, dtype=np.float64).reshape(5, 6)
    box = (0.1, 0.2, 0.7, 0.9)
    assert energy(heat * scale, WHOLE, [box]) == pytest.approx(energy(heat, WHOLE, [box]))


@pytest.mark.parametrize(
    ("heat", "boxes", "told"),
    [
        (np.ones((2, 2)), [], "no box"),
        (np.ones((2, 2)), [(0.5, 0.0, 0.5, 1.0)], "is empty"),
        (np.ones((2, 2)), [(0.0, 0.9, 1.0, 0.1)], "is empty"),
        (np.array([[np.nan, 1.0]]), [WHOLE], "not finite"),
        (np.ones(4), [WHOLE], "rows and columns"),
        (np.ones((0, 4)), [WHOLE], "rows and columns"),
    ],
)
@pytest.mark.parametrize("score", [energy, pointing])
def test_what_cannot_be_judged_is_refused(score, heat, boxes, told):
    with pytest.raises(DataError, match=told):
        score(heat, WHOLE, boxes)


def test_the_centre_baseline_is_a_gaussian_that_points_at_the_middle():
    heat = centred_gaussian(0.25)
    assert pointing(heat, WHOLE, [(0.499, 0.499, 0.501, 0.501)]) == 1
    inside = math.erf(0.2 / 0.25 / math.sqrt(2)) ** 2 / math.erf(0.5 / 0.25 / math.sqrt(2)) ** 2
    assert energy(heat, WHOLE, [(0.3, 0.3, 0.7, 0.7)]) == pytest.approx(inside, abs=1e-3)


def test_figures_over_pictures_are_means_with_intervals():
    energies, areas = np.array([0.8, 0.4, 0.6]), np.array([0.4, 0.2, 0.3])
    found = summarise(np.array([1.0, 0.0, 1.0]), energies, areas, bootstrap=500, seed=1)
    assert (found.n, found.pointing, found.energy) == (3, pytest.approx(2 / 3), pytest.approx(0.6))
    assert found.area == pytest.approx(0.3)
    # Twice as dense in each picture, so however they are drawn.
    assert (found.gain, *found.gain_ci) == (pytest.approx(2), pytest.approx(2), pytest.approx(2))
    assert found.pointing_ci == (0, 1)
    assert 0.4 <= found.energy_ci[0] < 0.6 < found.energy_ci[1] <= 0.8
    assert found == summarise(np.array([1.0, 0.0, 1.0]), energies, areas, bootstrap=500, seed=1)


def test_no_picture_gives_no_figure():
    with pytest.raises(DataError, match="no picture"):
        summarise(np.zeros(0), np.zeros(0), np.zeros(0), bootstrap=100, seed=1)


GRID = 12
"""Boxes and parts at twelfths, so that a raster of as many pixels is exact."""


def spans(low=0, high=GRID):
    return st.tuples(st.integers(low, high), st.integers(low, high)).filter(lambda pair: pair[0] < pair[1])


def boxes_in(low=0, high=GRID):
    return st.tuples(spans(low, high), spans(low, high)).map(
        lambda both: (both[0][0] / GRID, both[1][0] / GRID, both[0][1] / GRID, both[1][1] / GRID)
    )


def maps(rows=(1, 2, 3, 4, 6, 12)):
    shape = st.tuples(st.sampled_from(rows), st.sampled_from(rows))
    return shape.flatmap(lambda own: arrays(np.float64, own, elements=st.integers(-3, 9).map(float)))


some_boxes = st.lists(boxes_in(), min_size=1, max_size=4)


def raster(boxes):
    """Which of GRID x GRID pixels of the picture are inside."""
    found = np.zeros((GRID, GRID), dtype=bool)
    for left, top, right, bottom in (np.rint(np.multiply(box, GRID)).astype(int) for box in boxes):
        found[top:bottom, left:right] = True
    return found


@given(maps(), some_boxes)
def test_energy_equals_a_count_of_pixels(heat, boxes):
    mass = np.kron(np.maximum(heat, 0), np.ones((GRID // heat.shape[0], GRID // heat.shape[1])))
    expected = mass[raster(boxes)].sum() / mass.sum() if mass.any() else 0
    assert energy(heat, WHOLE, boxes) == pytest.approx(expected)


@given(maps(), some_boxes)
def test_uniform_maps_have_the_area_as_energy(heat, boxes):
    assert energy(np.full(heat.shape, 0.1), WHOLE, boxes) == pytest.approx(area(boxes))
    assert area(boxes) == pytest.approx(raster(boxes).mean())


@given(maps(), boxes_in(-GRID, 2 * GRID), some_boxes, st.integers(1, 5))
def test_scores_lie_between_0_and_1_and_ignore_resolution_and_scale(heat, part, boxes, factor):
    finer = np.kron(heat, np.ones((factor, factor))) * 7
    found = energy(heat, part, boxes)
    assert 0 <= found <= 1 + 1e-12
    assert energy(finer, part, boxes) == pytest.approx(found)
    assert 0 <= pointing(heat, part, boxes) <= 1


@given(maps(), boxes_in(-GRID, 2 * GRID), some_boxes)
def test_scores_turn_with_the_picture(heat, part, boxes):
    def mirrored(box):
        return (1 - box[2], box[1], 1 - box[0], box[3])

    turned = [mirrored(box) for box in boxes]
    assert energy(heat[:, ::-1], mirrored(part), turned) == pytest.approx(energy(heat, part, boxes))

    def transposed(box):
        return (box[1], box[0], box[3], box[2])

    swapped = [transposed(box) for box in boxes]
    assert energy(heat.T, transposed(part), swapped) == pytest.approx(energy(heat, part, boxes))
    assert pointing(heat.T, transposed(part), swapped) == pytest.approx(pointing(heat, part, boxes))


@given(maps(), some_boxes, boxes_in())
def test_another_box_never_lowers_a_score(heat, boxes, more):
    assert energy(heat, WHOLE, [*boxes, more]) >= energy(heat, WHOLE, boxes) - 1e-12
    assert pointing(heat, WHOLE, [*boxes, more]) >= pointing(heat, WHOLE, boxes)
    assert energy(heat, WHOLE, [*boxes, boxes[0]]) == pytest.approx(energy(heat, WHOLE, boxes))
