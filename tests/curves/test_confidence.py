import numpy as np

from lvc.curves.confidence import confidence


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        low, high = confidence(list(rng.normal(5, 2, 25)))
        inside += low <= 5 <= high
    assert 85 <= inside <= 100


def test_it_is_the_same_in_every_run():
    assert confidence([1.0, 2.0, 4.0]) == confidence([1.0, 2.0, 4.0])


def test_two_sequences_say_nothing():
    assert confidence([1.0, 2.0]) is None and confidence([3.0, 3.0, 3.0]) is None
