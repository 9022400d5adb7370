"""WADO-URI (PS3.18 9) by the letter of its tables."""

import io

import pydicom
import pytest
from support import part10, phantom, stow, synth
from support.server import Server

EXPLICIT, IMPLICIT = part10.EXPLICIT_LE, part10.IMPLICIT_LE
CT, US = (701, 1, 1), (701, 2, 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("uri") / "data") as running:
        files = [synth.file(data, IMPLICIT) for data in phantom.ct(701, 2, side=64)] + [synth.file(phantom.ultrasound(701))]
        answer = running.request("POST", "studies", stow.body(files), {"Content-Type": stow.content_type(), "Accept": "application/dicom+json"})
        assert answer.status == 200, answer
        yield running


def url(which=CT, more: str = "", leave_out: str = "") -> str:
    study, series, number = which
    pairs = {"requestType": "WADO", "studyUID": synth.uid(study), "seriesUID": synth.uid(study, series), "objectUID": synth.uid(*which)}
    pairs.pop(leave_out, None)
    query = "&".join(f"{name}={value}" for name, value in pairs.items())
    return f"/wado?{query}" + (f"&{more}" if more else "")


DICOM = "contentType=application/dicom"


@pytest.mark.parametrize("path, status", [
    # WADO-042
    (url().replace("WADO&", "X&"), 400), (url(leave_out="requestType"), 400),
    # WADO-043
    (url(leave_out="studyUID"), 400), (url(leave_out="seriesUID"), 400), (url(leave_out="objectUID"), 400),
    # WADO-046
    (url(CT, f"{DICOM}&transferSyntax={EXPLICIT}"), 200),
    (url(CT, f"{DICOM}&transferSyntax=1.2.840.10008.1.2.4.100"), 406), (url(CT, f"{DICOM}&transferSyntax=1.2.3"), 406),
    (url(CT, f"{DICOM}&transferSyntax=nothing"), 400), (url(CT, f"{DICOM}&transferSyntax={EXPLICIT},{EXPLICIT}"), 400),
    (url(CT, f"{DICOM}&transferSyntax={EXPLICIT}&transferSyntax={EXPLICIT}"), 400),
    # WADO-047
    (url(CT, f"{DICOM};transfer-syntax={EXPLICIT}"), 400), (url(CT, "contentType=image/jpeg;q=1"), 400),
    # WADO-048, WADO-049
    (url(CT, "windowCenter=40"), 400), (url(CT, "windowWidth=400"), 400), (url(CT, f"{DICOM}&windowCenter=40&windowWidth=400"), 400),
    (url(CT, "windowCenter=40&windowWidth=400&presentationUID=1.2&presentationSeriesUID=1.3"), 400),
    # WADO-050
    (url(CT, "region=0,0,1"), 400), (url(CT, "region=0.5,0,0.4,1"), 400), (url(CT, "region=0,0,1,1.5"), 400),
    # WADO-051
    (url(CT, "frameNumber=0"), 400), (url(CT, "frameNumber=x"), 400), (url(CT, "frameNumber=1"), 400), (url(US, "frameNumber=7"), 400),
    (url(US, "frameNumber=6"), 200), (url(CT, "presentationUID=1.2&presentationSeriesUID=1.3"), 400),
    # WADO-052: not offered, and WADO-053
    (url(CT, f"{DICOM}&anonymize=yes"), 403), (url(CT, f"{DICOM}&anonymize=no"), 400),
    (url(CT, "rows=0"), 400), (url(CT, "columns=-5"), 400), (url(CT, "imageQuality=0"), 400), (url(CT, "annotation="), 400),
    (url(CT, "presentationUID=1.2"), 400), (url(CT, f"{DICOM},image/jpeg"), 400),
    (url((702, 1, 1), DICOM), 404), (url((701, 1, 9), DICOM), 404), (url((701, 2, 2), ""), 404),
    (url(CT, f"{DICOM}&unknown=1"), 200), (url(CT, "contentType=video/mp4"), 406), (url(CT, f"{DICOM}&access_token=x"), 400),
])
def test_wado_042_to_053_statuses(server, path, status):
    answer = server.get(path, "*/*")
    assert answer.status == status, answer
    # WADO-054
    assert answer.type and (answer.headers.get("Content-Length") or answer.headers.get("Transfer-Encoding"))
    if status >= 400:
        assert answer.type == "application/problem+json" and answer.json()["detail"]


@pytest.mark.parametrize("path, accept", [
    (url(CT, DICOM), "*/*"), (url(CT, DICOM), None), (url(CT), "application/dicom"), (url(CT, f"transferSyntax={EXPLICIT}"), "*/*"),
])
def test_wado_045_dicom_is_one_file_in_explicit_vr_little_endian(server, path, accept):
    answer = server.get(path, accept)
    assert answer.status == 200, answer
    assert answer.type.startswith("application/dicom"), "never multipart"
    data = pydicom.dcmread(io.BytesIO(answer.body))
    assert data.file_meta.TransferSyntaxUID == EXPLICIT
    assert data.SOPInstanceUID == synth.uid(*CT)
    assert data.PixelData == next(phantom.ct(701, 2, side=64)).PixelData


@pytest.mark.parametrize("path, accept, kind", [
    (url(CT), "*/*", "image/jpeg"), (url(CT), None, "image/jpeg"), (url(US), "*/*", "image/jpeg"), (url(US, "frameNumber=2"), "image/*", "image/jpeg"),
    (url(CT, "contentType=image/png"), "*/*", "image/png"), (url(CT, "contentType=video/mp4,image/png"), None, "image/png"),
    (url(CT, "rows=16&columns=16&windowCenter=40&windowWidth=400&region=0,0,0.5,0.5&imageQuality=50"), "*/*", "image/jpeg"),
])
def test_wado_044_without_a_content_type_it_is_a_jpeg(server, path, accept, kind):
    answer = server.get(path, accept)
    assert (answer.status, answer.type) == (200, kind), answer
    assert answer.body.startswith(b"\xff\xd8\xff" if kind == "image/jpeg" else b"\x89PNG"), "one picture, never parts"
    assert server.get(url(CT, "contentType=text/html"), "*/*").status == 406, "an image is no page"


def test_rows_and_columns_bound_the_picture(server):
    picture = server.get(url(CT, "contentType=image/png&rows=16"), None).body
    assert int.from_bytes(picture[20:24], "big") == int.from_bytes(picture[16:20], "big") == 16, "the aspect is kept"


def test_methods_and_head(server):
    assert server.request("OPTIONS", "/wado").headers["Allow"] == "GET, HEAD, OPTIONS"
    assert server.request("POST", url(CT, DICOM)).status == 405
    head = server.request("HEAD", url(CT, DICOM))
    assert (head.status, head.body) == (200, b"") and head.type.startswith("application/dicom")
    etag = head.headers["ETag"]
    assert server.get(url(CT, DICOM), None, If_None_Match=etag).status == 304
