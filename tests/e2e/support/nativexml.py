"""Native DICOM Model XML (PS3.19 A.1) from DICOM JSON and back, written for the tests alone."""

import re
import xml.etree.ElementTree as ET

import pydicom

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def write(model: dict) -> bytes:
    """One document of a DICOM JSON object."""
    root = ET.Element("NativeDicomModel", {"xmlns": NAMESPACE, "xml:space": "preserve"})
    _data_set(root, model)
    # A bare carriage return would be read as a line feed (XML 1.0 2.11).
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, "utf-8").replace(b"\r", b"&#13;")


def _data_set(parent, model: dict) -> None:
    owners = {}
    for tag, attribute in model.items():
        group, element = int(tag[:4], 16), int(tag[4:], 16)
        names = {"tag": tag, "vr": attribute["vr"]}
        if keyword := pydicom.datadict.keyword_for_tag(tag):
            names["keyword"] = keyword
        if group % 2 and 0x10 <= element <= 0xFF and attribute.get("Value"):
            owners[group, element] = attribute["Value"][0]
        if group % 2 and (owner := owners.get((group, element >> 8))):
            names |= {"tag": f"{group:04X}{element & 0xFF:04X}", "privateCreator": owner}
        made = ET.SubElement(parent, "DicomAttribute", names)
        for number, value in enumerate(attribute.get("Value", []), 1):
            _value(made, attribute["vr"], str(number), value)
        if "InlineBinary" in attribute:
            ET.SubElement(made, "InlineBinary").text = attribute["InlineBinary"]
        if "BulkDataURI" in attribute:
            ET.SubElement(made, "BulkData", {"uri": attribute["BulkDataURI"]})


def _value(parent, vr: str, number: str, value) -> None:
    if vr == "SQ":
        return _data_set(ET.SubElement(parent, "Item", {"number": number}), value)
    if vr == "PN":
        made = ET.SubElement(parent, "PersonName", {"number": number})
        for group in GROUPS:
            if (value or {}).get(group):
                inner = ET.SubElement(made, group)
                for component, text in zip(COMPONENTS, value[group].split("^")):
                    ET.SubElement(inner, component).text = text
        return None
    made = ET.SubElement(parent, "Value", {"number": number})
    made.text = None if value is None else repr(value) if isinstance(value, float) else str(value)
    return None


def read(document: bytes) -> dict:
    """The DICOM JSON object of a document; every value but PN and SQ is its text, private blocks are left as they are."""
    root = ET.fromstring(document)
    assert root.tag == f"{{{NAMESPACE}}}NativeDicomModel", root.tag
    assert root.get("{http://www.w3.org/XML/1998/namespace}space") == "preserve"
    return _read_data_set(root)


def _read_data_set(parent) -> dict:
    model = {}
    for attribute in parent:
        assert attribute.tag == f"{{{NAMESPACE}}}DicomAttribute", attribute.tag
        tag, vr, owner = attribute.get("tag"), attribute.get("vr"), attribute.get("privateCreator")
        assert re.fullmatch("[0-9A-F]{8}", tag) and re.fullmatch("[A-Z]{2}", vr), attribute.attrib
        assert attribute.get("keyword") == (pydicom.datadict.keyword_for_tag(tag) or None) or owner or int(tag[:2], 16) in (0x50, 0x60), attribute.attrib
        assert owner is None or tag[4:6] == "00" and int(tag[:4], 16) % 2
        made = {"vr": vr}
        for number, child in enumerate(attribute, 1):
            kind = child.tag.rpartition("}")[2]
            if kind == "InlineBinary":
                made["InlineBinary"] = child.text
            elif kind == "BulkData":
                made["BulkDataURI"] = child.get("uri")
            else:
                assert child.get("number") == str(number) and kind == {"SQ": "Item", "PN": "PersonName"}.get(vr, "Value")
                made.setdefault("Value", []).append(_read_value(kind, child))
        key = (tag, owner) if owner else tag
        assert key not in model, key
        model[key] = made
    return model


def _read_value(kind: str, child):
    if kind == "Item":
        return _read_data_set(child)
    if kind == "Value":
        return child.text
    name = {}
    for group in child:
        parts = {part.tag.rpartition("}")[2]: part.text or "" for part in group}
        name[group.tag.rpartition("}")[2]] = "^".join(parts.get(c, "") for c in COMPONENTS).rstrip("^")
    return name or None
