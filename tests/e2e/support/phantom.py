"""Studies of somebody who does not exist, as a viewer wants them: positions, windows, a report, a document."""

import io

import numpy
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from . import synth

CT, US_MULTI_FRAME, COMPREHENSIVE_SR, PDF = (
    synth.CT, "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.104.1")
PATIENT = {"PatientName": "Phantom^Paula", "PatientID": "PH-1", "PatientBirthDate": "19600102", "PatientSex": "F"}


def ct(study: int, slices: int, date: str = "20260301", side: int = 256, description: str = "CT thorax"):
    """A CT series: an ellipse of soft tissue with two lungs, a spine, and a ball that grows and shrinks with depth."""
    y, x = numpy.mgrid[:side, :side] * (512 / side)
    inside = lambda cx, cy, rx, ry: ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    still = numpy.full((side, side), -1000, numpy.int16)
    for shape, value in [((256, 256, 210, 160), 40), ((170, 250, 75, 105), -850), ((342, 250, 75, 105), -850), ((256, 370, 28, 32), 700)]:
        still[inside(*shape)] = value
    noise = numpy.random.default_rng(study)
    for number in range(1, slices + 1):
        data = synth.instance(study, 1, number, CT, StudyDate=date, SeriesDate=date, StudyDescription=description,
                              SeriesDescription="Axial 1 mm", InstanceNumber=number, BodyPartExamined="CHEST", **PATIENT)
        image = still + noise.integers(-12, 13, still.shape, numpy.int16)
        radius = 12 + 40 * (1 - abs(2 * number / slices - 1))
        image[inside(180, 230, radius, radius)] = 60
        data.FrameOfReferenceUID = synth.uid(study, 99)
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-180, -180, float(number)]
        data.PixelSpacing, data.SliceThickness = [360 / side, 360 / side], 1
        data.Rows = data.Columns = side
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "HU"
        data.WindowCenter, data.WindowWidth, data.KVP = 40, 400, 120
        data.PatientPosition, data.ImageType = "HFS", ["ORIGINAL", "PRIMARY", "AXIAL"]
        data.PixelData = image.astype("<i2").tobytes()
        data["PixelData"].VR = "OW"
        yield data


def ultrasound(study: int, frames: int = 6, date: str = "20260301"):
    """A cine loop in colour: a fan that sweeps."""
    side = 240
    y, x = numpy.mgrid[:side, :side]
    angle = numpy.arctan2(x - side / 2, y + 1)
    loop = []
    for frame in range(frames):
        image = numpy.zeros((side, side, 3), numpy.uint8)
        fan = (numpy.abs(angle) < 0.7) & (numpy.hypot(x - side / 2, y) < side - 10)
        image[fan] = 90
        image[fan & (numpy.abs(angle - (frame / frames - 0.5)) < 0.12)] = (230, 120, 40)
        loop.append(image)
    data = synth.instance(study, 2, 1, US_MULTI_FRAME, StudyDate=date, Modality="US", SeriesDescription="Cine", **PATIENT)
    data.Rows, data.Columns, data.SamplesPerPixel, data.PlanarConfiguration = side, side, 3, 0
    data.PhotometricInterpretation, data.NumberOfFrames = "RGB", frames
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.FrameTime, data.FrameIncrementPointer = 100, 0x00181063
    data.PixelData = numpy.stack(loop).tobytes()
    data["PixelData"].VR = "OB"
    return data


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def report(study: int, date: str = "20260301"):
    """A structured report of two lines of text."""
    data = synth.instance(study, 3, 1, COMPREHENSIVE_SR, StudyDate=date, Modality="SR", SeriesDescription="Report", **PATIENT)
    data.ContentDate, data.ContentTime = date, "101500"
    data.ValueType, data.ContinuityOfContent = "CONTAINER", "SEPARATE"
    data.CompletionFlag, data.VerificationFlag = "COMPLETE", "UNVERIFIED"
    data.ConceptNameCodeSequence = Sequence([code("18782-3", "LN", "Radiology Study observation (findings)")])
    lines = []
    for text in ["A nodule of 33 mm in the right upper lobe.", "No effusion."]:
        line = Dataset()
        line.RelationshipType, line.ValueType, line.TextValue = "CONTAINS", "TEXT", text
        line.ConceptNameCodeSequence = Sequence([code("121071", "DCM", "Finding")])
        lines.append(line)
    data.ContentSequence = Sequence(lines)
    return data


def document(study: int, date: str = "20260301"):
    """A PDF of one line."""
    text = b"BT /F1 24 Tf 72 700 Td (A document of the phantom) Tj ET"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
               b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
               b"<</Length %d>>stream\n%s\nendstream" % (len(text), text), b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj%s endobj\n" % (number, body))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))
    pdf = out.getvalue()
    data = synth.instance(study, 4, 1, PDF, StudyDate=date, Modality="DOC", SeriesDescription="Letter", **PATIENT)
    data.ContentDate, data.ContentTime, data.BurnedInAnnotation, data.DocumentTitle = date, "101500", "NO", "Letter"
    data.MIMETypeOfEncapsulatedDocument, data.ConversionType = "application/pdf", "WSD"
    data.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    return data
