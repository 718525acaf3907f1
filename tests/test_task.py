import pytest

from weightfit.errors import CohortError
from weightfit.task import logged


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
