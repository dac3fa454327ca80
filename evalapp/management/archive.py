"""A backup: one tar file with the database, the media and the secret that links are signed with.

The database is copied first, as of one moment; files are written before the rows that name them and never changed, so
every file that the copied rows name is there.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from evalapp.assessing.controls import Golden
from evalapp.catalog.models import Prompt, picture_path
from evalapp.catalog.pictures import Picture
from evalapp.catalog.store import keep, opened
from evalapp.comparisons.models import Comparison
from evalapp.generation.files import NAMES
from evalapp.generation.models import Clip

FORMAT = 1
DATABASE, MEDIA, SECRET, MANIFEST = "database", "media", "secret_key", "manifest.json"


class NotRestored(Exception):
    """Nothing was changed; the message says why and what to do."""


def back_up(target: Path) -> dict[str, Any]:
    """Write the backup under its name only when it is whole; returns its manifest."""
    part = target.with_name(f"{target.name}.part")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        copy = Path(folder) / DATABASE
        _copy_database(copy)
        manifest = {
            "format": FORMAT,
            "engine": connection.vendor,
            "migrations": sorted(
                name for app, name in MigrationRecorder(connection).applied_migrations() if app == "evalapp"
            ),
            "comparisons": Comparison.objects.count(),
            "clips": Clip.objects.filter(state=Clip.State.READY).count(),
        }
        (Path(folder) / MANIFEST).write_text(json.dumps(manifest, indent=2))
        try:
            with tarfile.open(part, "w") as tar:
                tar.add(Path(folder) / MANIFEST, MANIFEST)
                tar.add(copy, DATABASE)
                if (settings.VAR_DIR / SECRET).is_file():
                    tar.add(settings.VAR_DIR / SECRET, SECRET)
                if settings.MEDIA_BUCKET:
                    add_from_bucket(tar)
                elif Path(settings.MEDIA_DIR).is_dir():
                    tar.add(settings.MEDIA_DIR, MEDIA)
            part.chmod(0o600)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return manifest


def restore(source: Path, replace: bool = False) -> dict[str, Any]:
    """Put a backup in place of what is here, then bring the database up to date. Raises NotRestored."""
    try:
        with tarfile.open(source) as tar:
            manifest: dict[str, Any] = json.loads(tar.extractfile(MANIFEST).read())  # type: ignore[union-attr]
    except (OSError, KeyError, tarfile.TarError, ValueError) as error:
        raise NotRestored(f"{source} is no backup of this program ({error})") from error
    if manifest["format"] != FORMAT:
        raise NotRestored(
            f"{source} has format {manifest['format']}, this program reads {FORMAT}: use the one that wrote it"
        )
    if manifest["engine"] != connection.vendor:
        raise NotRestored(
            f"{source} holds {manifest['engine']}, DATABASE_URL names {connection.vendor}: set it to the same"
        )
    if not replace and _holds_something():
        raise NotRestored("there are comparisons here already: pass --replace to lose them, or use another VAR_DIR")
    with tempfile.TemporaryDirectory(dir=settings.VAR_DIR) as folder:
        try:
            with tarfile.open(source) as tar:
                _unpack(tar, Path(folder))
        except tarfile.TarError as error:
            raise NotRestored(f"{source} is damaged or was tampered with ({error})") from error
        _put_database(Path(folder) / DATABASE)
        media = Path(settings.MEDIA_DIR)
        shutil.rmtree(media, ignore_errors=True)
        if (Path(folder) / MEDIA).is_dir():
            media.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(Path(folder) / MEDIA, media)
            for place in [*media.glob("??/*"), *media.glob("prompts/*")]:
                keep(place)
        if (Path(folder) / SECRET).is_file():
            shutil.move(Path(folder) / SECRET, settings.VAR_DIR / SECRET)
    call_command("migrate", verbosity=0)
    return manifest


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Its files and folders, owned by whoever runs this. Python 3.11.2 (Debian 12) has no filter that does it."""
    for member in tar:
        place = folder / member.name
        if not (member.isfile() or member.isdir()) or ".." in place.parts or not place.is_relative_to(folder):
            raise tarfile.TarError(f"{member.name} is no file or folder of a backup")
        (place if member.isdir() else place.parent).mkdir(parents=True, exist_ok=True)
        if file := tar.extractfile(member):
            with file, place.open("xb") as written:
                shutil.copyfileobj(file, written)
            place.chmod(member.mode & 0o755)


def add_from_bucket(tar: tarfile.TarFile) -> None:
    """Every file that a row names, read from the bucket into the archive: the media folder is but a cache of it."""
    folders = {str(folder) for table in (Clip, Golden) for folder in table.objects.values_list("folder", flat=True)}
    places = [Clip(folder=folder).directory / name for folder in sorted(folders) for name in NAMES]
    images = set(Prompt.objects.values_list("image", flat=True))
    images |= set(Picture.objects.filter(state=Picture.State.STORED).values_list("sha256", flat=True))
    places += [picture_path(image) for image in sorted(images - {""})]
    for path in places:
        with opened(path) as file:
            if file is None:
                continue  # not every clip has every file; `verify` tells what lacks
            told = tarfile.TarInfo(f"{MEDIA}/{path.relative_to(settings.MEDIA_DIR).as_posix()}")
            told.size = file.seek(0, os.SEEK_END)
            file.seek(0)
            tar.addfile(told, file)


def _holds_something() -> bool:
    if Comparison._meta.db_table not in connection.introspection.table_names():
        return False
    return Comparison.objects.exists()


def _copy_database(target: Path) -> None:
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(target)) as copy:
            connection.connection.backup(copy)
        return
    _run("pg_dump", "--format=custom", "--no-owner", f"--file={target}", f"--dbname={_database()}")


def _put_database(source: Path) -> None:
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(source)) as copy:
            copy.backup(connection.connection)
        return
    connection.close()
    _run(
        "pg_restore", "--clean", "--if-exists", "--no-owner", "--exit-on-error", f"--dbname={_database()}", str(source)
    )


def _database() -> str:
    return str(connection.get_connection_params()["dbname"])


def _run(program: str, *arguments: str) -> None:
    """A PostgreSQL program on our database; the password goes by the environment, never on the command line."""
    parameters = connection.get_connection_params()
    environment = {
        f"PG{key.upper()}": str(parameters[name])
        for key, name in (("host", "host"), ("port", "port"), ("user", "user"), ("password", "password"))
        if parameters.get(name)
    }
    found = shutil.which(program) or next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))), "")
    if not found:
        raise NotRestored(f"{program} is not installed: install PostgreSQL's client programs")
    environment["PATH"] = os.environ.get("PATH", "")
    done = subprocess.run([found, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotRestored(f"{program} failed: {done.stderr.strip()}")
