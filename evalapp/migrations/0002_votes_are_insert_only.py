"""The database itself refuses to change or delete a ballot or vote, whichever program asks.

SQLite drops a table's triggers when a migration rebuilds the table: a migration that alters ballot or vote runs
`guard` again (a test looks for the triggers).
"""

from django.db import migrations

TABLES = {"ballot": "evalapp_ballot", "vote": "evalapp_vote"}


def guard(apps, schema_editor):
    sqlite = schema_editor.connection.vendor == "sqlite"
    if not sqlite:
        schema_editor.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% rows are written once: never altered or deleted', TG_TABLE_NAME; END $$",
            params=None,
        )
    for name, table in TABLES.items():
        for trigger, act in ((f"{name}_insert_only", "UPDATE"), (f"{name}_insert_only_delete", "DELETE")):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {trigger}" + ("" if sqlite else f" ON {table}"))
            does = (
                f"BEGIN SELECT RAISE(ABORT, '{name} rows are written once: never altered or deleted'); END"
                if sqlite
                else "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            schema_editor.execute(f"CREATE TRIGGER {trigger} BEFORE {act} ON {table} {does}")


def unguard(apps, schema_editor):
    on = (lambda table: "") if schema_editor.connection.vendor == "sqlite" else (lambda table: f" ON {table}")
    for name, table in TABLES.items():
        for trigger in (f"{name}_insert_only", f"{name}_insert_only_delete"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {trigger}{on(table)}")


class Migration(migrations.Migration):
    dependencies = [("evalapp", "0001_first_house")]
    operations = [migrations.RunPython(guard, unguard)]
