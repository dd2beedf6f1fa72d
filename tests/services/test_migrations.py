"""Schema changes are applied whole, once, in order, by whoever comes first."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared import migrations
from shared.db import Database
from shared.migrations import BrokenReferences, NewerDatabase
from tests.servers.postgres import PostgresServer

FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "2027_01_01_first"
down_revision = None


def upgrade():
    op.create_table("parents", sa.Column("id", sa.Integer, primary_key=True))
    op.create_table(
        "children",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("parent", sa.Integer, sa.ForeignKey("parents.id", name="fk_children_parent"), nullable=False),
    )
    op.execute("INSERT INTO parents VALUES (1)")
    op.execute("INSERT INTO children VALUES (1, 1)")
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "2027_01_02_second"
down_revision = "2027_01_01_first"


def upgrade():
    {statement}
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/new/empty.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as empty:
            yield empty


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release of its own with one migration; returns the folder of migrations."""
    place = tmp_path / "migrations"
    (place / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        shutil.copy(migrations.PLACE / name, place)
    monkeypatch.setattr(migrations, "PLACE", place)
    (place / "versions" / "2027_01_01_first.py").write_text(FIRST)
    return place / "versions"


def second(place: Path, statement: str) -> None:
    (place / "2027_01_02_second.py").write_text(SECOND.format(statement=statement))


def tables(url: str) -> set[str]:
    database = Database(url)
    with database.read() as connection:
        found = set(sa.inspect(connection).get_table_names())
    database.close()
    return found - {"alembic_version"}


def test_migrating_applies_what_is_pending_and_then_nothing(url: str, place: Path) -> None:
    assert migrations.current(url) is None
    assert migrations.pending(url) == ("2027_01_01_first",)
    assert migrations.migrate(url) == ("2027_01_01_first",)
    assert migrations.migrate(url) == ()
    second(place, "op.add_column('parents', sa.Column('note', sa.Text))")
    assert migrations.pending(url) == ("2027_01_02_second",)
    assert migrations.migrate(url) == ("2027_01_02_second",)
    assert migrations.current(url) == "2027_01_02_second"


def test_looking_makes_no_file(tmp_path: Path) -> None:
    migrations.pending(f"sqlite:///{tmp_path}/none/none.db")
    assert not list(tmp_path.iterdir())


def test_a_migration_that_fails_changes_nothing_not_even_what_came_before_it(url: str, place: Path) -> None:
    second(place, "op.create_table('more', sa.Column('id', sa.Integer)); raise RuntimeError('on purpose')")
    with pytest.raises(RuntimeError, match="on purpose"):
        migrations.migrate(url)
    assert migrations.current(url) is None
    assert tables(url) == set()


def test_of_several_processes_at_once_one_migrates_and_the_others_find_nothing_to_do(url: str, place: Path) -> None:
    together, applied = threading.Barrier(4), []

    def work() -> None:
        together.wait()
        applied.append(migrations.migrate(url))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [(), (), (), ("2027_01_01_first",)]


def test_a_database_of_a_newer_release_is_left_alone(url: str, place: Path) -> None:
    second(place, "op.create_table('more', sa.Column('id', sa.Integer))")
    migrations.migrate(url)
    (place / "2027_01_02_second.py").unlink()
    assert migrations.pending(url) == ()
    with pytest.raises(NewerDatabase, match="2027_01_02_second"):
        migrations.migrate(url)


POST = """
import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = "{before}"
POST_DEPLOY = True


def upgrade():
    op.drop_column("parents", "note")
"""


def test_what_takes_away_waits_until_it_is_asked_for(url: str, place: Path) -> None:
    second(place, "op.add_column('parents', sa.Column('note', sa.Text))")
    last = "2027_01_03_post_drop_note"
    (place / f"{last}.py").write_text(POST.format(name=last, before="2027_01_02_second"))
    assert migrations.pending(url) == ("2027_01_01_first", "2027_01_02_second")
    assert migrations.migrate(url, post_deploy=False) == ("2027_01_01_first", "2027_01_02_second")
    assert migrations.pending(url) == ()
    assert migrations.postponed(url) == (last,)
    assert migrations.migrate(url, post_deploy=False) == ()
    assert migrations.migrate(url) == (last,)
    assert migrations.postponed(url) == ()


def test_what_an_earlier_rollout_left_is_applied_before_the_next_one(url: str, place: Path) -> None:
    second(place, "op.add_column('parents', sa.Column('note', sa.Text))")
    left, next_ = "2027_01_03_post_drop_note", "2027_01_04_more"
    (place / f"{left}.py").write_text(POST.format(name=left, before="2027_01_02_second"))
    more = SECOND.replace("2027_01_02_second", next_).replace("2027_01_01_first", left)
    (place / f"{next_}.py").write_text(more.format(statement="op.create_table('more', sa.Column('id', sa.Integer))"))
    migrations.migrate(url, post_deploy=False)
    assert migrations.current(url) == next_


def test_a_table_that_others_refer_to_can_be_made_anew_on_sqlite(tmp_path: Path, place: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    migrations.migrate(url)
    second(place, "with op.batch_alter_table('parents', recreate='always') as t: t.add_column(sa.Column('n', sa.Text))")
    migrations.migrate(url)
    database = Database(url)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT id, parent FROM children").all() == [(1, 1)]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_a_migration_that_breaks_references_on_sqlite_is_rolled_back(tmp_path: Path, place: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    migrations.migrate(url)
    second(place, "op.execute('DELETE FROM parents')")
    with pytest.raises(BrokenReferences, match="1 rows of table children"):
        migrations.migrate(url)
    assert migrations.current(url) == "2027_01_01_first"


def test_a_draft_leads_from_the_last_migration_to_the_tables_as_declared(tmp_path: Path, place: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    (place / "2027_01_01_first.py").rename(place / "2020_01_01_first.py")
    text = (place / "2020_01_01_first.py").read_text().replace("2027_01_01", "2020_01_01")
    (place / "2020_01_01_first.py").write_text(text)
    migrations.migrate(url)
    declared = sa.MetaData()
    sa.Table("parents", declared, sa.Column("id", sa.Integer, primary_key=True), sa.Column("note", sa.Text))
    parent = sa.Column("parent", sa.Integer, sa.ForeignKey("parents.id", name="fk_children_parent"), nullable=False)
    sa.Table("children", declared, sa.Column("id", sa.Integer, primary_key=True), parent)
    draft = migrations.write("Add a note", url, declared)
    assert draft.stem.endswith("_add_a_note")
    assert migrations.migrate(url) == (draft.stem,)
    later = migrations.write("post drop", url, sa.MetaData())
    assert migrations.is_post_deploy(later.stem)
    assert "POST_DEPLOY = True" in later.read_text()
    assert "POST_DEPLOY" not in draft.read_text()
    later.unlink()
    with pytest.raises(ValueError, match="longer than 32"):
        migrations.write("words without end and without need", url, declared)
    with pytest.raises(ValueError, match="does not come after"):
        migrations.write("a", url, declared)
