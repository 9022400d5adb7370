"""import, send, verify, rebuild, backup: what they do, what they say, what they exit with; with and without a running server."""

import json
import shutil
import sqlite3
import zipfile

import pytest
from pynetdicom import AE, evt

from support import corpus, disk, part10, stow, synth, wire
from support.server import Server, run

DONE, FAILED, USAGE, INCOMPLETE = 0, 1, 2, 3


def events(done) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(done) -> dict:
    (last,) = [e for e in events(done) if e["event"] in ("summary", "failed")]
    assert events(done)[-1] == last
    return last


def items(done) -> dict[str, str]:
    return {e["what"]: e["verdict"] for e in events(done) if e["event"] == "item"}


def a_disc(home):
    """A folder as a patient brings it: images in folders, a DICOMDIR, a viewer, a broken file, a ZIP with more."""
    (home / "DICOM/A").mkdir(parents=True)
    for n in range(1, 4):
        (home / f"DICOM/A/IM{n}").write_bytes(synth.file(synth.with_pixels(synth.instance(31, 1, n))))
    data = synth.with_pixels(synth.instance(31, 2, 1))
    (home / "no-extension").write_bytes(synth.file(data, part10.IMPLICIT_LE)[132:])
    (home / "AUTORUN.INF").write_text("[autorun]\nopen=viewer.exe\n")
    (home / "viewer.exe").write_bytes(b"MZ" + bytes(5_000))
    (home / "index.html").write_text("<html></html>")
    (home / "DICOMDIR").write_bytes(part10.file("1.2.840.10008.1.3.10", synth.uid(31, 9), part10.EXPLICIT_LE, part10.element(0x00041130, "CS", b"DISC")))
    (home / "broken.dcm").write_bytes(synth.file(data)[:-100])
    with zipfile.ZipFile(home / "more.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for n in range(1, 3):
            zipped.writestr(f"sub/{n}.dcm", synth.file(synth.with_pixels(synth.instance(32, 1, n))))
        zipped.writestr("../../escape.dcm", synth.file(synth.with_pixels(synth.instance(32, 2, 1))))
        zipped.writestr("readme.txt", "hello")
    return home


@pytest.mark.parametrize("running", [False, True], ids=["alone", "beside a server"])
def test_import(tmp_path, running):
    disc, data = a_disc(tmp_path / "disc"), tmp_path / "data"
    server = Server(data)
    if running:
        server.start()
    try:
        done = run("import", "--json", "--data", data, disc)
        assert done.returncode == INCOMPLETE, done.stdout + done.stderr
        last = summary(done)
        assert (last["command"], last["stored"], last["same"], last["versions"], last["refused"]) == ("import", 7, 0, 0, 1), last
        assert [v for k, v in items(done).items() if k.endswith("broken.dcm")] == ["refused"], items(done)
        (disc / "broken.dcm").unlink()
        again = run("import", "--json", "--data", data, disc)
        assert again.returncode == DONE and (summary(again)["stored"], summary(again)["same"]) == (0, 7), again.stdout
        for_people = run("import", "--data", data, disc)
        assert for_people.returncode == DONE and "7 here already" in for_people.stdout + for_people.stderr
        if not running:
            server.start()
        assert len(server.json("studies")) == 2 and len(server.json("instances")) == 7
        assert not list(tmp_path.glob("escape*")) and not list(tmp_path.parent.glob("escape*"))
    finally:
        server.stop()


def test_import_finds_nothing_or_cannot(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("hello")
    for path in ("empty", "note.txt"):
        done = run("import", "--json", "--data", tmp_path / "data", tmp_path / path)
        assert done.returncode == INCOMPLETE, done.stdout + done.stderr
    assert run("import", "--data", tmp_path / "data", tmp_path / "absent").returncode in (FAILED, USAGE, INCOMPLETE)
    assert run("import", "--data", tmp_path / "data").returncode == USAGE


def test_import_of_a_zip_bomb(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("bomb.dcm", bytes(300 << 20))
    done = run("import", "--json", "--data", tmp_path / "data", tmp_path / "bomb.zip")
    assert done.returncode == INCOMPLETE, done.stdout + done.stderr


def test_import_takes_the_corpus(tmp_path):
    """Every file by the third door: what is stored is what STOW stores."""
    cases = [c for c in corpus.batches(corpus.storable())[0] if c.expected_by_stow == corpus.STORE]
    folder = tmp_path / "files"
    folder.mkdir()
    for n, case in enumerate(cases):
        shutil.copy(case.path, folder / f"{n:04}")
    done = run("import", "--json", "--data", tmp_path / "data", folder, timeout=120)
    assert done.returncode == DONE, [e for e in events(done) if e["event"] == "item"][:5]
    assert summary(done)["stored"] == len(cases)
    with Server(tmp_path / "data") as server:
        for case in cases[::7]:
            answer = server.get(case.url, "application/dicom; transfer-syntax=*")
            assert answer.status == 200 and part10.split(answer.body).dataset == case.part10.dataset


class Receiver:
    """Somebody else's SCP: keeps what comes, refuses what it is told to."""

    def __init__(self, syntaxes, classes=(synth.CT,), status=0, tls=None):
        entity = AE("PEER")
        for sop_class in classes:
            entity.add_supported_context(sop_class, syntaxes)
        self.got, self.calling = [], set()
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self.keep, [status])], ssl_context=tls)
        self.to = f"PEER@127.0.0.1:{self.server.socket.getsockname()[1]}"

    def keep(self, event, status):
        self.calling.add(str(event.assoc.requestor.ae_title))
        self.got.append((str(event.request.AffectedSOPInstanceUID), str(event.context.transfer_syntax), event.request.DataSet.getvalue()))
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()


@pytest.fixture
def filled(tmp_path):
    """A server with a study of three instances, one of them implicit."""
    with Server(tmp_path / "data") as server:
        sets = [synth.with_pixels(synth.instance(41, 1, n)) for n in range(1, 4)]
        files = [synth.file(sets[0]), synth.file(sets[1]), synth.file(sets[2], part10.IMPLICIT_LE)]
        assert stow.post(server, files).status == 200
        yield server, files


def test_send_a_study(filled):
    server, files = filled
    with Receiver([part10.EXPLICIT_LE, part10.IMPLICIT_LE]) as peer:
        done = run("send", "--json", "--data", server.data, "--to", peer.to, "--study", synth.uid(41))
        assert done.returncode == DONE, done.stdout + done.stderr
        assert (summary(done)["sent"], summary(done)["failed"]) == (3, 0)
        assert sorted(data for _, _, data in peer.got) == sorted(part10.split(f).dataset for f in files), "as stored, byte for byte"
        assert peer.calling == {"OVERREAD"}
        absent = run("send", "--json", "--data", server.data, "--to", peer.to, "--study", "1.2.3")
        assert absent.returncode in (FAILED, INCOMPLETE), absent.stdout


def test_send_files_and_what_the_peer_refuses(filled, tmp_path):
    server, files = filled
    folder = tmp_path / "out"
    folder.mkdir()
    for n, content in enumerate(files):
        (folder / f"{n}.dcm").write_bytes(content)
    (folder / "note.txt").write_text("hello")
    with Receiver([part10.EXPLICIT_LE, part10.IMPLICIT_LE]) as peer:
        done = run("send", "--json", "--data", server.data, "--to", peer.to, "--aet", "US", folder)
        assert done.returncode == DONE and summary(done)["sent"] == 3 and peer.calling == {"US"}, done.stdout + done.stderr
    with Receiver([part10.EXPLICIT_LE], status=0xA700) as peer:
        done = run("send", "--json", "--data", server.data, "--to", peer.to, folder / "0.dcm")
        assert done.returncode == INCOMPLETE and summary(done)["failed"] == 1, done.stdout
        assert any("A700" in e.get("why", "").upper() for e in events(done)), done.stdout
    with Receiver([part10.EXPLICIT_LE], classes=[synth.MR]) as peer:
        done = run("send", "--json", "--data", server.data, "--to", peer.to, folder / "0.dcm")
        assert done.returncode == INCOMPLETE, done.stdout
    done = run("send", "--data", server.data, "--to", "PEER@127.0.0.1:1", folder / "0.dcm")
    assert done.returncode in (FAILED, INCOMPLETE) and "127.0.0.1:1" in done.stdout + done.stderr


def test_send_to_ourselves(tmp_path, filled):
    """Our requestor against our acceptor, plain and over TLS."""
    server, files = filled
    flags = ["--insecure-loopback", "--dimse-tls", "127.0.0.1:0"]
    with Server(tmp_path / "other", flags=flags, wanted=("http", "dimse", "dimse-tls")) as other:
        done = run("send", "--data", server.data, "--to", f"OVERREAD@127.0.0.1:{other.dimse[1]}", "--study", synth.uid(41))
        assert done.returncode == DONE, done.stdout + done.stderr
        assert len(other.json("instances")) == 3
        certificate = other.data / "tls/certificate.pem"
        done = run("send", "--data", server.data, "--to", f"OVERREAD@127.0.0.1:{other.dimse_tls[1]}", "--tls", certificate, "--study", synth.uid(41))
        assert done.returncode == DONE, done.stdout + done.stderr
        untrusted = run("send", "--data", server.data, "--to", f"OVERREAD@127.0.0.1:{other.dimse_tls[1]}", "--tls", __file__, "--study", synth.uid(41))
        assert untrusted.returncode != DONE


def placed(server):
    """The final files, once everything is placed."""
    import time
    for _ in range(100):
        files = disk.placed(server.data)
        if len(files) == 3 and not disk.spooled(server.data):
            return files
        time.sleep(0.1)
    raise AssertionError(f"not placed: {files}")


@pytest.mark.parametrize("running", [False, True], ids=["alone", "beside a server"])
def test_verify(filled, running):
    server, _ = filled
    files = placed(server)
    if not running:
        server.stop()
    good = run("verify", "--json", "--data", server.data)
    assert good.returncode == DONE and (summary(good)["sound"], summary(good)["problems"]) == (3, 0), good.stdout + good.stderr
    with files[0].open("r+b") as file:
        file.seek(1_900)
        byte = file.read(1)
        file.seek(1_900)
        file.write(bytes([byte[0] ^ 1]))
    files[1].unlink()
    stray = files[0].with_name("1.2.3.4.dcm")
    stray.write_bytes(b"stray")
    bad = run("verify", "--json", "--data", server.data)
    assert bad.returncode == INCOMPLETE and summary(bad)["problems"] >= 2, bad.stdout
    told = json.dumps(items(bad))
    assert synth.uid(41, 1) in told or files[0].stem in told


def test_a_flipped_bit_is_never_sent(filled):
    """R6: found before a wrong byte goes out."""
    server, _ = filled
    for file in placed(server):
        content = bytearray(file.read_bytes())
        content[-100] ^= 4
        file.write_bytes(content)
        answer = server.get(f"studies/{synth.uid(41)}/series/{synth.uid(41, 1)}/instances/{file.stem}", "application/dicom; transfer-syntax=*")
        assert answer.status == 500 and answer.type.startswith("application/problem+json"), answer
    assert server.get(f"studies/{synth.uid(41)}/metadata").status == 200


def test_rebuild(filled):
    server, _ = filled
    placed(server)
    answers = [server.json(p) for p in ("studies?includefield=all", "series?includefield=all", "instances?includefield=all", f"studies/{synth.uid(41)}/metadata")]
    origin = server.origin
    busy = run("rebuild", "--json", "--data", server.data)
    assert busy.returncode == FAILED, "not beside a running server"
    server.stop()
    [f.unlink() for f in server.data.glob("overread.db*")]
    done = run("rebuild", "--json", "--data", server.data)
    assert done.returncode == DONE and summary(done)["instances"] == 3, done.stdout + done.stderr
    again = run("rebuild", "--json", "--data", server.data)
    assert again.returncode == DONE and summary(again)["instances"] == 3
    server.start()
    after = [server.json(p) for p in ("studies?includefield=all", "series?includefield=all", "instances?includefield=all", f"studies/{synth.uid(41)}/metadata")]
    assert json.dumps(after).replace(server.origin, "") == json.dumps(answers).replace(origin, "")


def test_rebuild_keeps_versions(tmp_path):
    with Server(tmp_path / "data") as server:
        sop, one = synth.simple(42, 1, 1, 500)
        two = one.replace(b"Synthetic^Patient", b"Different^Patient")
        for data in (one, two):
            stow.post(server, [part10.file(synth.CT, sop, part10.EXPLICIT_LE, data)])
        url = f"studies/{synth.uid(42)}/series/{synth.uid(42, 1)}/instances/{sop}"
    [f.unlink() for f in server.data.glob("overread.db*")]
    assert run("rebuild", "--data", server.data).returncode == DONE
    with Server(server.data) as server:
        accept = "application/dicom; transfer-syntax=*"
        assert part10.split(server.get(url, accept).body).dataset == one
        assert part10.split(server.get(url + "?version=2", accept).body).dataset == two


@pytest.mark.parametrize("running", [False, True], ids=["alone", "beside a server"])
def test_backup_and_restore(filled, tmp_path, running):
    """R13: a copy while stores go on; restored, it is whole."""
    server, files = filled
    if not running:
        server.stop()
    copy = tmp_path / "copy"
    done = run("backup", copy, "--json", "--data", server.data)
    assert done.returncode == DONE and summary(done)["instances"] == 3, done.stdout + done.stderr
    if running:
        stow.post(server, [synth.file(synth.with_pixels(synth.instance(43, 1, 1)))])
        more = run("backup", copy, "--json", "--data", server.data)
        assert more.returncode == DONE and summary(more)["instances"] == 4
    restored = tmp_path / "restored"
    shutil.copytree(copy, restored)
    assert run("verify", "--data", restored).returncode == DONE
    with Server(restored) as other:
        for content in files:
            uid = part10.split(content).meta_text(0x00020003)
            answer = other.get(f"studies/{synth.uid(41)}/series/{synth.uid(41, 1)}/instances/{uid}", "application/dicom; transfer-syntax=*")
            assert part10.split(answer.body).dataset == part10.split(content).dataset
        assert len(other.json("instances")) == (4 if running else 3)
    database = sqlite3.connect(copy / "overread.db")
    assert database.execute("pragma integrity_check").fetchone()[0] == "ok"


def test_backup_under_load(tmp_path):
    import threading
    with Server(tmp_path / "data") as server:
        acked, stop = [], threading.Event()

        def sender():
            with wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])]) as peer:
                for n in range(1, 5_000):
                    uid, data = synth.simple(44, 1, n, 30_000)
                    assert peer.store(1, synth.CT, uid, data) == 0
                    acked.append(uid)
                    if stop.is_set():
                        return
        thread = threading.Thread(target=sender)
        thread.start()
        import time
        time.sleep(1)
        before = len(acked)
        done = run("backup", tmp_path / "copy", "--data", server.data)
        stop.set()
        thread.join()
        assert done.returncode == DONE, done.stdout + done.stderr
    verified = run("verify", "--data", tmp_path / "copy")
    assert verified.returncode == DONE, verified.stdout + verified.stderr
    with Server(tmp_path / "copy") as server:
        found, offset = set(), 0
        while page := server.json(f"instances?limit=1000&offset={offset}"):
            found |= {o["00080018"]["Value"][0] for o in page}
            offset += len(page)
        assert set(acked[:before]) <= found, "everything acknowledged before the backup is in it"
