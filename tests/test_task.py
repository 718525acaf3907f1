import re
import time

import pytest

from weightfit import task
from weightfit.errors import CohortError
from weightfit.task import Progress, each, logged


def test_ctrl_c_leaves_one_line_and_the_status_of_an_interrupt(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop, logged(tmp_path / "log.txt"):
        print("begun")
        raise KeyboardInterrupt
    assert stop.value.code == 130
    assert (tmp_path / "log.txt").read_text() == "begun\ninterrupted; run the same command to continue\n"
    assert capsys.readouterr() == ("", "")


def test_an_error_of_ours_is_one_sentence_in_the_log_and_on_the_terminal(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop, logged(tmp_path / "log.txt"):
        raise CohortError("this: is wrong; correct it")
    assert stop.value.code == 1
    assert (tmp_path / "log.txt").read_text() == "CohortError: this: is wrong; correct it\n"
    assert capsys.readouterr().err == "CohortError: this: is wrong; correct it\n"


def test_any_other_keeps_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), logged(tmp_path / "log.txt"):
        _ = 1 / 0
    assert "ZeroDivisionError" in (tmp_path / "log.txt").read_text()


def test_a_long_job_tells_in_log_and_on_the_terminal_how_far_it_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(task, "EVERY", 0.02)
    log = tmp_path / "logs" / "train" / "one.log"

    def lines() -> list[str]:
        return log.read_text().splitlines()

    def wait(for_more_than: int) -> None:
        end = time.monotonic() + 30
        while len(lines()) <= for_more_than and time.monotonic() < end:
            time.sleep(0.01)

    with logged(log):
        wait(0)
        progress = Progress(3000, "steps", done=1000)
        wait(1)
        progress.add(1000)
        wait(len(lines()) + 1)
    told = lines()
    assert re.fullmatch(r"train/one: at work \(\d s so far\)", told[0])
    assert any(line.startswith("train/one: 1,000 of 3,000 steps (") for line in told)
    assert re.fullmatch(r"train/one: 2,000 of 3,000 steps, about \d+ s left \(\d s so far\)", told[-1])
    assert capsys.readouterr().err.splitlines() == told


def test_a_short_job_tells_nothing(tmp_path, capsys):
    with logged(tmp_path / "one.log"):
        list(each([1, 2, 3], "things"))
    assert (tmp_path / "one.log").read_text() == ""
    assert capsys.readouterr() == ("", "")


def test_each_item_is_done_when_the_next_is_asked_for():
    seen = []
    for item in each("abc", "letters"):
        assert Progress.current is not None
        seen.append((item, str(Progress.current).split(",")[0]))
    assert seen == [("a", "0 of 3 letters"), ("b", "1 of 3 letters"), ("c", "2 of 3 letters")]
    assert str(Progress.current) == "3 of 3 letters"


def test_the_time_left_is_that_of_the_rest_at_the_speed_of_this_run(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(task.time, "monotonic", lambda: now[0])
    progress = Progress(1000, "bytes", done=500)
    now[0] = 110.0
    progress.add(100)
    assert str(progress) == "600 of 1,000 bytes, about 40 s left"
    progress.add(1)
    now[0] = 10_100.0
    assert str(progress).endswith("min left")
