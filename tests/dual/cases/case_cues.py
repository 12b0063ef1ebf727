"""Cues: rhythms that differ, played to their end, a newer one in place of an older."""

from firmware.core import cues


def played(name, step_ms=1):
    """[(time in ms, level)] of a cue that begins at 1000 ms, looked at every step_ms."""
    now_ms, found = 1000, []
    player = cues.Player(lambda level: found.append((now_ms, level)))
    player.play(name, now_ms)
    while now_ms < 4000:
        now_ms += step_ms
        player.look(now_ms)
    return found


def test_every_cue_is_on_and_off_in_turn_and_ends_dark():
    for name, times in cues.PATTERNS.items():
        found = played(name)
        assert [level for _at, level in found] == [1, 0] * ((len(times) + 1) // 2), name
        assert found[0] == (1000, 1) and found[-1] == (1000 + sum(times), 0)
        assert tuple(found[index + 1][0] - found[index][0] for index in range(len(times))) == times


def test_rhythms_are_told_apart():
    """By the number of sounds, or where that is one, by lengths that differ by a factor of two."""
    single = sorted(times[0] for times in cues.PATTERNS.values() if len(times) == 1)
    assert all(2 * single[index] <= single[index + 1] for index in range(len(single) - 1))
    several = [len(times) for times in cues.PATTERNS.values() if len(times) > 1]
    assert len(set(several)) == len(several)
    for times in cues.PATTERNS.values():
        assert len(times) % 2 and sum(times) < 1000 and min(times) >= 50  # three passes of the main loop


def test_passes_of_the_main_loop_lose_no_sound():
    for name, times in cues.PATTERNS.items():
        assert [level for _at, level in played(name, 12)] == [1, 0] * ((len(times) + 1) // 2)


def test_a_newer_cue_takes_the_place_of_the_older():
    found = []
    player = cues.Player(found.append)
    player.look(0)
    assert found == []
    player.play(cues.FINISHED, 100)
    player.play(cues.HOLD, 200)
    player.look(259)
    assert found == [1, 1]
    player.look(260)
    player.look(900)
    player.look(5000)
    assert found == [1, 1, 0]


def test_the_names_are_those_of_events():
    assert set(cues.PATTERNS) == {"relocate", "hold", "contact-lost", "finished", "felt"}
    for name in (cues.RELOCATE, cues.HOLD, cues.CONTACT_LOST, cues.FINISHED, cues.FELT):
        assert name in cues.PATTERNS
