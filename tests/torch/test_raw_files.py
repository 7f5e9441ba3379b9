"""Raw files that are damaged, absent or already unpacked: read, fetched again, or named with a remedy that works."""

import functools
import gzip
import io
import struct
import tarfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from tests.torch.test_datasets import WRITERS, idx_file, md5s
from torchvision.datasets import EMNIST, MNIST, FashionMNIST

from collapse.data import idx
from collapse.data.idx import idx_array
from collapse.data.prepare import load
from collapse.data.raw_files import DatasetUnavailable

KINDS = {"mnist": MNIST, "fashion_mnist": FashionMNIST}
PIXELS = np.arange(3 * 28 * 28).reshape(3, 28, 28) % 256
LABELS = {"train": np.array([7, 0, 9]), "test": np.array([1, 1, 2])}
NOWHERE = "file:///nowhere/"
# Files that end too early: in the pixels, in the header, and at once.
CUTS = {"pixels": -1, "header": 6, "all": 0}


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, without a line for each that is asked for."""

    def log_message(self, *said):
        pass


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A folder whose files this machine serves to itself; returns it and its address, which ends in /."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(params=KINDS)
def published(request, mirror, tmp_path, monkeypatch):
    """A small dataset published on a mirror; returns its name, the mirror's folder, and the empty one to read from."""
    kind, (mirror, address) = KINDS[request.param], mirror
    for split, labels in LABELS.items():
        prefix = {"train": "train", "test": "t10k"}[split]
        for name, numbers in (("images-idx3", PIXELS), ("labels-idx1", labels)):
            (mirror / f"{prefix}-{name}-ubyte").write_bytes(idx_file(numbers))
            (mirror / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(idx_file(numbers)))
    names = [name for name, _ in kind.resources]
    monkeypatch.setattr(kind, "resources", [tuple(found) for found in md5s(mirror, names)])
    unpacked = dict(md5s(mirror, [name.removesuffix(".gz") for name in names]))
    monkeypatch.setitem(idx.UNPACKED, kind.__name__, unpacked)
    monkeypatch.setattr(kind, "mirrors", [NOWHERE, address])
    raw = tmp_path / "data" / kind.__name__ / "raw"
    raw.mkdir(parents=True)
    return request.param, mirror, raw


def place(mirror, raw, pattern):
    """Copy published files."""
    for path in mirror.glob(pattern):
        (raw / path.name).write_bytes(path.read_bytes())


def check(splits):
    for split, labels in LABELS.items():
        images, found = splits[split]
        assert np.array_equal(images, PIXELS[:, None])
        assert found.tolist() == labels.tolist()


@pytest.mark.parametrize("download", [False, True])
def test_files_that_are_already_unpacked_are_read_as_they_are(published, download, tmp_path):
    dataset, mirror, raw = published
    place(mirror, raw, "*-ubyte")
    check(load(dataset, tmp_path / "data", download))
    assert not list(raw.glob("*.gz"))


def test_a_cut_off_archive_beside_its_unpacked_file_is_not_needed(published, tmp_path):
    dataset, mirror, raw = published
    place(mirror, raw, "*")
    path = raw / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    check(load(dataset, tmp_path / "data", download=False))


@pytest.mark.parametrize("beside", ["*.gz", "*-ubyte", "*"])
def test_a_cut_off_file_beside_good_ones_is_fetched_again_alone(published, beside, tmp_path):
    dataset, mirror, raw = published
    place(mirror, raw, beside)
    damaged = [raw / name for name in ("train-images-idx3-ubyte", "train-images-idx3-ubyte.gz")]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-9] if path.exists() else b"")
    for path in mirror.glob("*labels*"):
        path.unlink()  # nothing but the damaged file is asked for
    check(load(dataset, tmp_path / "data", download=True))


def test_a_file_that_may_not_or_can_not_be_fetched_is_named_with_what_to_do(published, tmp_path, monkeypatch):
    dataset, mirror, raw = published
    place(mirror, raw, "*.gz")
    path = raw / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-9])
    (raw / "train-labels-idx1-ubyte").write_bytes(b"of another dataset")
    with pytest.raises(DatasetUnavailable) as error:
        load(dataset, tmp_path / "data", download=False)
    at_fault = f"{path.resolve()} has the wrong md5, and {path.stem} beside it has the wrong md5"
    assert str(error.value).startswith(f"{at_fault}. Remedy: point data_root in config/config.yaml at a folder")
    assert "or allow the download (download: true) on a machine with a network" in str(error.value)
    monkeypatch.setattr(KINDS[dataset], "mirrors", [NOWHERE])
    with pytest.raises(DatasetUnavailable) as error:
        load(dataset, tmp_path / "data", download=True)
    assert str(error.value).startswith(f"{at_fault}, and could not be downloaded (<urlopen error")
    assert "or run again on a machine with a network" in str(error.value)
    assert "allow the download" not in str(error.value)


def test_a_file_that_the_disk_does_not_give_is_one_clear_error(published, tmp_path):
    dataset, mirror, raw = published
    place(mirror, raw, "*.gz")
    path = raw / "train-labels-idx1-ubyte.gz"
    path.unlink()
    path.symlink_to("/proc/self/mem")  # reading it is an input/output error
    with pytest.raises(DatasetUnavailable, match=r"can not be read \(Input/output error\)\. Remedy: point data_root"):
        load(dataset, tmp_path / "data", download=False)


@pytest.mark.parametrize("dataset", WRITERS)
def test_any_damaged_file_is_named_and_fetched_again(dataset, mirror, tmp_path, monkeypatch):
    """Also CIFAR's list of names, which torchvision checks, but does not fetch when it alone is damaged."""
    root = tmp_path / "data"
    root.mkdir()
    folder, expected = WRITERS[dataset](root, monkeypatch)
    publish(dataset, folder, *mirror, monkeypatch)
    for path in sorted(path for path in folder.iterdir() if path.suffix != ".txt"):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(DatasetUnavailable) as error:
            load(dataset, root, download=False)
        assert str(error.value).startswith(f"{path.resolve()} has the wrong md5. Remedy: ")
        splits = load(dataset, root, download=True)
        assert {split: labels.tolist() for split, (_, labels) in splits.items()} == expected
        assert path.read_bytes() == whole


def publish(dataset, folder, mirror, address, monkeypatch):
    """Put a dataset's files where its class looks for them: one by one, or in an archive."""
    from torchvision import datasets

    kind = getattr(datasets, dataset.upper())
    if dataset == "svhn":
        for entry in kind.split_list.values():
            entry[0] = f"{address}{entry[1]}"
            (mirror / entry[1]).write_bytes((folder / entry[1]).read_bytes())
        return
    with tarfile.open(mirror / kind.filename, "w:gz") as archive:
        archive.add(folder, kind.base_folder)
    monkeypatch.setattr(kind, "url", f"{address}{kind.filename}")
    monkeypatch.setattr(kind, "tgz_md5", md5s(mirror, [kind.filename])[0][1])


@pytest.fixture
def letters(mirror, tmp_path, monkeypatch):
    """Letters of EMNIST published on a mirror; returns the empty folder to read from."""
    mirror, address = mirror
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for split in LABELS:
            for name, numbers in (("images-idx3", PIXELS), ("labels-idx1", LABELS[split] + 1)):
                member = f"gzip/emnist-letters-{split}-{name}-ubyte.gz"
                archive.writestr(member, gzip.compress(idx_file(numbers)))
    (mirror / "gzip.zip").write_bytes(content.getvalue())
    monkeypatch.setattr(EMNIST, "url", f"{address}gzip.zip")
    monkeypatch.setattr(EMNIST, "md5", md5s(mirror, ["gzip.zip"])[0][1])
    return tmp_path / "data" / "EMNIST" / "raw"


def test_letters_that_are_absent_are_fetched_and_read_ever_after(letters, tmp_path, monkeypatch):
    check(load("emnist_letters", tmp_path / "data", download=True))
    monkeypatch.setattr(EMNIST, "url", NOWHERE)
    (letters / "gzip.zip").unlink()
    check(load("emnist_letters", tmp_path / "data", download=True))


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("name", ["emnist-letters-test-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte"])
def test_letters_that_are_cut_off_are_named_and_fetched_again(name, cut, letters, tmp_path):
    load("emnist_letters", tmp_path / "data", download=True)
    path = letters / name
    path.write_bytes(path.read_bytes()[: CUTS[cut]])
    with pytest.raises(DatasetUnavailable) as error:
        load("emnist_letters", tmp_path / "data", download=False)
    assert str(error.value).startswith(f"{path.resolve()} is cut off or no IDX file of bytes. Remedy: ")
    check(load("emnist_letters", tmp_path / "data", download=True))


def test_idx_files_are_read_as_they_are_defined():
    pixels = np.arange(2 * 3 * 4, dtype=np.uint8)
    images = struct.pack(">IIII", 2051, 2, 3, 4) + pixels.tobytes()
    assert np.array_equal(idx_array(images), pixels.reshape(2, 3, 4))
    assert idx_array(struct.pack(">II", 2049, 2) + bytes([7, 1])).tolist() == [7, 1]
    for damaged in (images[:-1], images + b"more", images[:3], struct.pack(">II", 0x0D01, 2) + bytes(8)):
        with pytest.raises(ValueError, match="no IDX file of bytes"):
            idx_array(damaged)
