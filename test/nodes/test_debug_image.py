"""The debug image: what is drawn where, for any image and any text."""

from __future__ import annotations

import numpy as np
import pytest
from std_msgs.msg import Header

from nmap_reloc.images import decode_message
from nmap_reloc.nodes.debug_image import GREEN, GREY, ORANGE, STATES, WHITE, debug_message, draw

NONE = np.zeros((0, 2))


def black(height: int = 120, width: int = 160, channels: int = 3) -> np.ndarray:
    image = np.zeros((height, width, channels)[:2 if channels == 1 else 3], np.uint8)
    image.setflags(write=False)  # as a view of a message may be
    return image


def near(picture: np.ndarray, x: float, y: float, colour: tuple[int, int, int]) -> bool:
    """Whether the colour is the strongest around (x, y), pixels of OpenCV."""
    patch = picture[max(0, int(y) - 5):int(y) + 6, max(0, int(x) - 5):int(x) + 6].reshape(-1, 3)
    brightest = patch[patch.astype(int).sum(1).argmax()].astype(float)
    wanted = np.array(colour, float)
    return bool(brightest @ wanted > 0.98 * np.linalg.norm(brightest) * np.linalg.norm(wanted) > 0)


@pytest.mark.parametrize("width", [80, 160, 320])
def test_dots_lie_where_they_belong_at_any_width(width: int) -> None:
    matched = np.array([[40.0, 30], [120, 90]])
    picture = draw(black(), np.array([[100.0, 20]]), matched, np.array([True, False]),
                   "tracking", "", width)
    scale = width / 160
    assert picture.shape[1] == width and picture.shape[0] > 120 * scale
    assert near(picture, 40 * scale, 30 * scale, GREEN)
    assert near(picture, 120 * scale, 90 * scale, ORANGE)
    assert near(picture, 100 * scale, 20 * scale, GREY)
    assert not near(picture, 60 * scale, 60 * scale, GREEN)


def test_the_centre_of_a_dot_is_half_a_pixel_from_colmaps() -> None:
    picture = draw(black(), None, np.array([[80.5, 60.5]]), np.array([True]), "lost", "", 160)
    image = picture[:120].astype(float).sum(2)
    y, x = np.indices(image.shape)
    assert (x * image).sum() / image.sum() == pytest.approx(80, abs=0.05)
    assert (y * image).sum() / image.sum() == pytest.approx(60, abs=0.05)


def test_grey_images_and_the_image_itself_is_untouched() -> None:
    grey = draw(black(channels=1), NONE, NONE, np.zeros(0, bool), "lost", "no map", 160)
    assert grey.shape[2] == 3 and not grey[:120].any()
    image = black().copy()
    draw(image, None, np.array([[80.0, 60.0]]), np.array([True]), "lost", "", 160)
    assert not image.any()


@pytest.mark.parametrize("state", [*STATES])
def test_state_and_reason_are_written_below(state: str) -> None:
    picture = draw(black(), None, None, None, state, "12 inliers of 40", 320)
    bar = picture[240:]
    assert near(bar, *np.argwhere(bar.any(2))[0][::-1], STATES[state])
    colours = bar.reshape(-1, 3)[bar.reshape(-1, 3).min(1) > 200]
    assert len(colours) and (colours == WHITE).all(1).any()
    assert draw(black(), None, None, None, state, "", 320).shape[0] < picture.shape[0]


@pytest.mark.parametrize("reason", ["", "word " * 500, "x" * 10_000, "größer\n\tals 3 µm …", "\0",
                                    "🚗" * 50, "%s %d {}"])
@pytest.mark.parametrize("width", [-5, 0, 64, 333, 100_000])
def test_any_text_and_any_width(reason: str, width: int) -> None:
    picture = draw(black(20, 30), None, None, None, "lost", reason, width)
    wide = min(max(width, 64), 4096)
    assert picture.shape[1] == wide and picture.dtype == np.uint8
    image_rows = round(20 * wide / 30)
    assert picture.shape[0] - image_rows < 260  # the bar stays a bar
    bar = picture[image_rows:]
    assert not bar[:, -1].any()  # no text runs out of the image


def test_points_that_are_not_in_the_image_are_left_out() -> None:
    wild = np.array([[np.nan, 5], [np.inf, 5], [-1e30, 5], [1e30, 1e30], [-3, 4], [500, 60]])
    picture = draw(black(), wild, wild, np.ones(6, bool), "lost", "", 160)
    assert not picture[:120].any()
    many = np.random.default_rng(0).random((50_000, 2)) * 100
    assert draw(black(), many, many, np.ones(50_000, bool), "lost", "", 160)[:120].any()


def test_the_message() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    header = Header(frame_id="camera")
    message = debug_message(picture, header)
    assert (message.encoding, message.step, message.header.frame_id) == ("rgb8", 120, "camera")
    np.testing.assert_array_equal(decode_message(message, "debug"), picture)
