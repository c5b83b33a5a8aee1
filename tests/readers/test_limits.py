"""Files made to exhaust the machine, or to read what is not theirs, are refused or harmless."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from emb_pipeline.errors import DataError
from emb_pipeline.readers.files import limits
from emb_pipeline.readers.files.archives import read_archive_members
from emb_pipeline.readers.files.content import read_content
from emb_pipeline.readers.files.lines import lines
from emb_pipeline.readers.files.named_files import NamedFile
from emb_pipeline.readers.formats.mediawiki_dump import read_dump_articles
from emb_pipeline.readers.formats.medquad import read_medquad_pairs
from emb_pipeline.readers.formats.text import TextSource

MB = 1 << 20


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a few MiB, so that a bomb is small."""
    for name, size in (("UNPACKED_MB", 4), ("WHOLE_MB", 2), ("LINE_MB", 1)):
        monkeypatch.setattr(limits, name, size)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_a_compressed_file_that_unpacks_to_more_than_the_limit_is_refused_and_can_be_read_where_it_is_raised(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (b"x" * 1023 + b"\n") * 1024 * 10
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    packed = pack[suffix](content) if suffix in pack else pa.compress(content, codec="zstd", asbytes=True)
    (tmp_path / f"a.txt{suffix}").write_bytes(packed)
    file = NamedFile(tmp_path / f"a.txt{suffix}", f"a.txt{suffix}")
    with pytest.raises(DataError, match=r"a\.txt.*: what its .* bytes unpack to exceeds the limit of 4 MiB") as caught:
        for _ in lines(file, "utf-8"):
            pass
    name, _, value = caught.value.remedy.rpartition(" set ")[2].removesuffix(" or more").partition("=")
    monkeypatch.setenv(name, value)
    assert sum(1 for _ in lines(file, "utf-8")) == 10_240


@pytest.mark.slow
def test_text_that_packs_as_text_does_may_be_larger(tmp_path: Path) -> None:
    import random

    rng = random.Random(1)
    content = "".join(f"{rng.getrandbits(64):x} {rng.getrandbits(64):x}\n" for _ in range(300_000)).encode()
    assert len(content) > 2 * 4 * MB
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(content, 1))
    assert sum(1 for _ in lines(NamedFile(tmp_path / "a.txt.gz", "a"), "utf-8")) == 300_000


def test_one_line_and_one_text_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"fine\n" + b"x" * (MB + 1))
    file = NamedFile(tmp_path / "a.txt", "a.txt")
    with pytest.raises(DataError, match=r"a\.txt, row 2: the line exceeds the limit of 1 MiB"):
        list(lines(file, "utf-8"))
    (tmp_path / "a.txt").write_bytes(b"fine\n" * MB)
    with pytest.raises(DataError, match="its content exceeds the limit of 2 MiB"):
        read_content(file)
    with (tmp_path / "sparse.txt").open("wb") as sparse:
        sparse.truncate(1 << 40)
    with pytest.raises(DataError, match=r"zero bytes|exceeds the limit"):
        list(lines(NamedFile(tmp_path / "sparse.txt", "sparse.txt"), "utf-8"))


@pytest.mark.slow
def test_an_archive_has_a_limit_for_each_member_and_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"x/{number}", bytes(MB))
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for number in range(6):
            info = tarfile.TarInfo(f"x/{number}")
            info.size = MB
            archive.addfile(info, io.BytesIO(bytes(MB)))
    for name in ("a.zip", "a.tar.gz"):
        read = []
        with pytest.raises(DataError, match="unpack to, 'x/4' the last of them, exceeds the limit of 4 MiB"):
            for member, _ in read_archive_members(tmp_path / name):
                read.append(member)
        assert len(read) == (0 if name == "a.zip" else 4)  # a zip says beforehand what it holds
        monkeypatch.setenv(limits.VARIABLE, "16")
        assert len(list(read_archive_members(tmp_path / name))) == 6
        monkeypatch.delenv(limits.VARIABLE)
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"x/{number}", bytes(MB))
    with pytest.raises(DataError, match=f"set {limits.VARIABLE}=41 or more"):
        list(read_archive_members(tmp_path / "c.zip"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/large", bytes(3 * MB))
    with pytest.raises(DataError, match="member 'x/large' of 3,145,728 bytes exceeds the limit of 2 MiB"):
        list(read_archive_members(tmp_path / "b.zip"))


def test_the_holes_of_a_sparse_tar_count(tmp_path: Path) -> None:
    for number in range(6):
        with (tmp_path / f"hole{number}").open("wb") as hole:
            hole.truncate(MB)
    made = subprocess.run(
        ["tar", "--sparse", "-cf", "a.tar", *(f"hole{number}" for number in range(6))], cwd=tmp_path, check=False
    )
    if made.returncode:
        pytest.skip("needs GNU tar")
    assert (tmp_path / "a.tar").stat().st_size < MB
    with pytest.raises(DataError, match="exceeds the limit of 4 MiB"):
        list(read_archive_members(tmp_path / "a.tar"))


def test_a_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("fine\n")
    monkeypatch.setenv(limits.VARIABLE, "4GB")
    with pytest.raises(DataError, match=f"{limits.VARIABLE}: '4GB' is not a whole number of megabytes"):
        list(lines(NamedFile(tmp_path / "a.txt", "a.txt"), "utf-8"))


BOMB = '<?xml version="1.0" encoding="{}"?>\n<!DOCTYPE d [<!ENTITY a "{}">{}]>'.format(
    "{}", "ha" * 50, "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 50}">' for n in range(8))
)
OUTSIDE = '<?xml version="1.0" encoding="{}"?>\n<!DOCTYPE d [<!ENTITY i SYSTEM "file://{}">]>'
MEDQUAD = "<Document><QAPairs><QAPair><Question qid='1'>What?</Question><Answer>{}</Answer></QAPair></QAPairs></Document>"
DUMP = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/"><page><title>A</title><ns>0</ns><id>1</id>'
    "<revision><id>2</id><text>{}</text></revision></page></mediawiki>"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("attack", ["bomb", "outside"])
def test_entities_of_xml_neither_grow_nor_read_other_files(attack: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    head = BOMB.format(encoding) if attack == "bomb" else OUTSIDE.format(encoding, tmp_path / "secret")
    entity = "&i;"  # the largest of the bomb, or the other file
    content = (head + MEDQUAD.format(entity)).encode(encoding)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("x/a.xml")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    (tmp_path / "dump.xml").write_bytes((head + DUMP.format(entity)).encode(encoding))
    for read, name in ((read_medquad_pairs, "a.tar"), (read_dump_articles, "dump.xml")):
        with pytest.raises(DataError):
            found = list(read(NamedFile(tmp_path / name, name)))
            assert "secret" not in str(found) and len(str(found)) < 10_000, "nothing of it may be read"


@pytest.mark.slow
def test_a_gigabyte_of_zeros_costs_no_gigabyte(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.txt.gz", "wb", compresslevel=9) as packed:
        for _ in range(300):
            packed.write(b"a" * MB)
    source = TextSource(path="a.txt.gz").model_dump()
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_DATA, (1 << 29, 1 << 29))\n"
        "from pathlib import Path\nfrom emb_pipeline.readers.documents import read_documents\n"
        "from emb_pipeline.readers.formats.text import TextSource\nfrom emb_pipeline.errors import DataError\n"
        "from emb_pipeline.readers.files import limits\nlimits.UNPACKED_MB = 64\n"
        f"try:\n    list(read_documents([TextSource(**{source!r})], Path('raw'), Path({str(tmp_path)!r})))\n"
        "except DataError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "exceeds the limit of 64 MiB" in done.stdout, done.stderr[-500:]
