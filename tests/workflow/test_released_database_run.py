"""`snakemake released_database`: fetched each time that it is asked for, and read by the audit's search."""

import sys
from pathlib import Path

import yaml
from checkout import REPOSITORY, Checkout

sys.path.insert(0, str(REPOSITORY / "tests" / "hub"))

from server import Hub

WHERE = yaml.safe_load((REPOSITORY / "paper/released_database.yaml").read_text(encoding="utf-8"))
NONE = ("--config", "cohort=none")


class Asking(Checkout):
    """A copy of what a run needs that asks a server of the test."""

    endpoint = ""

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in super().environment().items() if not name.startswith("HF_")}
        own = {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(self.path.parent / "home")}
        return kept | own | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def test_it_is_asked_for_each_time_and_fetched_once(tmp_path: Path) -> None:
    checkout = Asking(tmp_path / "checkout")
    table = b"entry_id,k_median_o\npythia-70m,1.16\n"
    with Hub() as hub:
        checkout.endpoint = hub.endpoint
        commit = hub.add(WHERE["repository"], dict.fromkeys(WHERE["files"], table), kind="dataset")
        for number, asked in enumerate((5, 1), start=1):
            before = len(hub.requests)
            run = checkout.snakemake("--cores", "1", "released_database", *NONE)
            assert run.finished == ["released_database"], number
            assert len(hub.requests) - before == asked
    folder = checkout / "resources/released_database"
    found = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    stems = [name.removesuffix(".csv") for name in WHERE["files"]]
    assert found == {f"{stem}.{commit[:12]}.csv": table for stem in stems}
    planned = checkout.plan("database_search", *NONE, "released_database=resources/released_database")
    assert planned == {"database_search": 1}
