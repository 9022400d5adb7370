"""Files that are no whole instances get the answer they deserve, quickly, and leave nothing behind."""

import time

import pytest

from support import corpus, part10, stow, synth, wire
from support.server import MIB, PeakWatch

REFUSED = [c for c in corpus.cases() if c.expected == corpus.REFUSE]
EITHER = [c for c in corpus.cases() if c.expected == corpus.EITHER]
DISAGREEING = [c for c in corpus.cases() if c.meta_disagrees and c.expected == corpus.STORE]
# Section c of the reliability page: cannot understand; UIDs may be answered as a mismatch or as invalid.
REASONS = {0xC000, 0xA900, 0x0117}
SECONDS = 2


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=lambda c: c.name)


def cannot_understand(case) -> set[int]:
    return REASONS if any("UID" in u for u in case.unusable_uids) and case.dataset is not None else {0xC000}


def nothing_is_kept(server):
    assert server.json("instances?limit=1") == []
    assert server.get("/readyz").status == 200


@named(REFUSED)
def test_stow_refuses(shared_server, case):
    """STOW-012, STOW-018, STOW-021."""
    began = time.monotonic()
    result = stow.post(shared_server, [case.content])
    took = time.monotonic() - began
    if case.content:
        assert result.status == 409, result.answer
        assert result.reasons() <= REASONS and result.reasons(), result.answer
        assert not result.stored and len(result.failed) + len(result.others) == 1, result.module
    else:
        assert result.status in (400, 409), result.answer
    assert took < SECONDS, f"{took:.1f} s"
    nothing_is_kept(shared_server)


@named(REFUSED)
def test_c_store_refuses(shared_server, case):
    """DIMSE-026: a status, not silence, not an abort. The command names the data set's instance where it can."""
    sop_class = case.sop_class if corpus.UID.match(case.sop_class) else synth.SECONDARY_CAPTURE
    sop_instance = case.sop_instance if corpus.UID.match(case.sop_instance) and len(case.sop_instance) <= 64 else synth.uid(404)
    syntax = case.syntax or part10.EXPLICIT_LE
    dataset = case.part10.dataset or case.content or b"\0" * 8
    with wire.Association(shared_server.dimse, [(sop_class, [syntax])]) as association:
        if association.contexts[1][0]:
            assert association.contexts[1][0] in (3, 4)
            return
        began = time.monotonic()
        status = association.store(1, sop_class, sop_instance, dataset)
        assert status in REASONS, f"{status:04X}"
        assert time.monotonic() - began < SECONDS
        association.release()
    nothing_is_kept(shared_server)


@named(DISAGREEING)
def test_a_file_meta_that_names_another_instance_is_a_mismatch(shared_server, case):
    """TS-024, STOW-021: A900 and nothing kept."""
    result = stow.post(shared_server, [case.content])
    assert result.status == 409 and result.reasons() == {corpus.MISMATCH}, result.answer
    nothing_is_kept(shared_server)


@named(EITHER)
def test_stored_or_refused_but_cleanly(server, case):
    """Whatever it is, STOW and C-STORE say so, and a stored one comes back as it was."""
    result = stow.post(server, [case.content])
    assert result.status in (200, 409), result.answer
    if result.status == 200:
        answer = server.get(case.url, 'multipart/related; type="application/dicom"; transfer-syntax=*')
        assert answer.status == 200 and part10.split(answer.parts()[0].body).dataset == case.part10.dataset
        for resource in ("", "/metadata", "/frames/1"):
            assert server.get(case.url + resource, "*/*").status < 500
    else:
        assert result.reasons() <= REASONS
    with wire.Association(server.dimse, [(case.sop_class, [case.syntax])]) as association:
        if association.contexts[1][0] == 0:
            status = association.store(1, case.sop_class, case.sop_instance, case.part10.dataset)
            assert (status == 0) == (result.status == 200), f"{status:04X} after {result.status}"


def test_refusing_all_of_them_takes_no_memory(server):
    """No allocation by declared length, no deflate bomb: 64 MiB above the idle state are plenty."""
    before = server.memory()
    with PeakWatch(server) as watch:
        for case in REFUSED:
            stow.post(server, [case.content])
    assert watch.peak - before < 64 * MIB, f"{watch.peak / MIB:.0f} MiB"


def test_good_ones_beside_bad_ones_are_kept(server):
    """STOW-011, STOW-013, STOW-015, STOW-018: each instance is judged alone."""
    good = [c for c in corpus.cases() if c.name.startswith("own/") and c.expected_by_stow == corpus.STORE][:3]
    bad = [c for c in REFUSED if c.name.startswith("own/")]
    mixed = [f.content for pair in zip(good, bad) for f in pair] + [c.content for c in bad[3:]]
    result = stow.post(server, mixed)
    assert result.status == 202, result.answer
    assert result.stored == {c.sop_instance: None for c in good}
    assert len(result.module["00081198"]["Value"]) + len(result.others) == len(bad)
    assert len(server.json("instances")) == len(good)


PROMISED = {  # ANSWERS.tsv: what frames answer where the file is kept though it lies about its pixels
    "derived/odd_encaps_many_fragments.dcm": {200}, "derived/odd_encaps_garbage_codestream.dcm": {200},
    "derived/odd_encaps_truncated_codestream.dcm": {200}, "derived/odd_encaps_bad_bot.dcm": {200, 422},
    "derived/odd_frames_lie.dcm": {200}, "derived/odd_rows_bomb.dcm": {422}, "derived/odd_short_pixeldata.dcm": {422},
}


@named([c for c in corpus.cases() if c.name in PROMISED])
def test_frames_of_files_that_lie(server, case):
    assert stow.post(server, [case.content]).status == 200
    before = server.memory()
    answer = server.get(f"{case.url}/frames/1", frame_accept(case))
    assert answer.status in PROMISED[case.name], answer
    count = int(case.dataset.get("NumberOfFrames") or 1)
    if case.name.endswith("odd_frames_lie.dcm"):
        assert server.get(f"{case.url}/frames/{count}", frame_accept(case)).status == 422
    if case.name.endswith("many_fragments.dcm"):
        from support.elements import walk
        pixels = next(e for e in walk(case.part10.dataset, case.syntax) if e.fragments is not None)
        assert answer.parts()[0].body == b"".join(pixels.fragments[1:])
    assert server.memory() - before < 64 * MIB


def frame_accept(case) -> str:
    from test_corpus_round_trip import MEDIA
    kind = MEDIA.get(case.syntax, "application/octet-stream")
    return f'multipart/related; type="{kind}"' + (f"; transfer-syntax={case.syntax}" if kind.startswith("image") else "")
