//! The table. Whoever serves something new describes it here; a test fails until then.

use super::links;
use super::parameters as p;
use super::{Access, Example, Group, Operation, Parameter, Status};

/// Where DICOMweb begins below the base URL.
const SERVICE: &str = "/dicom-web";

const JSON: &str = "application/dicom+json";
const JSON_PARTS: &str = "multipart/related; type=\"application/dicom+json\"";
const XML: &str = "application/dicom+xml";
const XML_PARTS: &str = "multipart/related; type=\"application/dicom+xml\"";
const DICOM: &str = "application/dicom";
const DICOM_PARTS: &str = "multipart/related; type=\"application/dicom\"";
const OCTETS: &str = "application/octet-stream";
const OCTET_PARTS: &str = "multipart/related; type=\"application/octet-stream\"";
const IMAGE_PARTS: &str = "multipart/related; type=\"image/*\"";
const VIDEO_PARTS: &str = "multipart/related; type=\"video/*\"";
const WADL: &str = "application/vnd.sun.wadl+xml";
pub(super) const PLAIN_JSON: &str = "application/json";
const ZIP: &str = "application/zip";

const BAD: Status = Status(400, "A UID, parameter or header makes no sense; the answer says which.");
pub(super) const NOBODY: Status = Status(401, "No token, or one that is not known.");
pub(super) const DENIED: Status = Status(403, "The token's holder may not do this.");
pub(super) const NOT_FOUND: Status =
    Status(404, "There is no such thing here, or none that the token's holder may see.");
const GONE: Status = Status(410, "It was here, and was deleted or is hidden by a rejection note.");
const NOT_ACCEPTABLE: Status =
    Status(406, "Nothing that Accept asks for can be given; the answer lists what can.");
pub(super) const TOO_LONG: Status = Status(414, "The request target has more than 16 KiB.");
const UNPROCESSABLE: Status =
    Status(422, "What is stored cannot be given: it has no such thing, or is broken.");
pub(super) const UNAVAILABLE: Status = Status(503, "Not now. Retry-After says when to come again.");
const UNCHANGED: Status = Status(304, "The client has it already, by If-None-Match.");

const SEARCH: &[Status] = &[
    Status(200, "The results; a Warning says when there are more, or that a parameter was ignored."),
    Status(204, "Nothing matches."),
    BAD,
    NOBODY,
    DENIED,
    NOT_ACCEPTABLE,
    TOO_LONG,
    UNAVAILABLE,
];
const SEARCH_BELOW: &[Status] = &[
    Status(200, "The results; a Warning says when there are more, or that a parameter was ignored."),
    Status(204, "Nothing matches."),
    BAD,
    NOBODY,
    DENIED,
    NOT_FOUND,
    NOT_ACCEPTABLE,
    TOO_LONG,
    UNAVAILABLE,
];
const RETRIEVE: &[Status] = &[
    Status(200, "All of it."),
    Status(
        206,
        "The part that Range asks for; or of a study or series all but what cannot be given, with a Warning.",
    ),
    UNCHANGED,
    BAD,
    NOBODY,
    DENIED,
    NOT_FOUND,
    GONE,
    NOT_ACCEPTABLE,
    Status(413, "A frame is larger than the limit, or pixel data than an instance can say."),
    Status(416, "The range lies outside."),
    UNPROCESSABLE,
    UNAVAILABLE,
];
const METADATA: &[Status] = &[
    Status(200, "The metadata of each instance: one array, or an XML document each."),
    UNCHANGED,
    BAD,
    NOBODY,
    DENIED,
    NOT_FOUND,
    GONE,
    NOT_ACCEPTABLE,
    UNAVAILABLE,
];
const DELETE: &[Status] = &[
    Status(204, "Deleted, durably, and gone from every answer."),
    Status(409, "A legal hold keeps it; its number is in the answer."),
    BAD,
    NOBODY,
    DENIED,
    NOT_FOUND,
    GONE,
    Status(422, "More instances than are deleted at once; delete the series one by one."),
    UNAVAILABLE,
];
const COMMIT: &[Status] = &[
    Status(
        200,
        "All instances were read again; the result says which are committed, and why others are not.",
    ),
    Status(202, "Not all were read yet. Retry-After says when to ask again."),
    BAD,
    NOBODY,
    DENIED,
    NOT_ACCEPTABLE,
    Status(409, "The Transaction UID was used before."),
    Status(413, "More than 10000 instances or 8 MiB."),
    Status(415, "The body is no application/dicom+json."),
    UNAVAILABLE,
];
const COMMITTED: &[Status] = &[
    Status(200, "The result."),
    Status(202, "There is none yet. Retry-After says when to ask again."),
    BAD,
    NOBODY,
    DENIED,
    Status(404, "The token's holder made no such request."),
    Status(410, "The result is not kept any more."),
    NOT_ACCEPTABLE,
    UNAVAILABLE,
];
const STORE: &[Status] = &[
    Status(200, "All stored, durably."),
    Status(202, "Some stored with warnings, or not stored; the answer names each."),
    BAD,
    NOBODY,
    DENIED,
    NOT_ACCEPTABLE,
    Status(409, "None stored; the answer says why, instance by instance."),
    Status(413, "The request is larger than the limit."),
    Status(415, "A body of another type."),
    UNAVAILABLE,
    Status(507, "The disk is full; nothing was stored."),
];

const UPLOAD: &[Status] = &[
    Status(200, "Every DICOM file of it is here, durably; what else it holds is listed as left out."),
    Status(202, "Some files were refused, or the ZIP was not looked at to its end; the answer names each."),
    BAD,
    NOBODY,
    DENIED,
    Status(408, "It came too slowly."),
    Status(409, "Nothing of it is stored; the answer says why, file by file."),
    Status(413, "The ZIP is larger than the limit."),
    Status(415, "A body of another type."),
    UNAVAILABLE,
    Status(507, "The disk is full; nothing was stored."),
];

const SEARCH_STUDIES: &[&Parameter] =
    &[&p::PATIENT_NAME, &p::PATIENT_ID, &p::STUDY_DATE, &p::LIMIT, &p::OFFSET, &p::FUZZY, &p::INCLUDE];
const SEARCH_SERIES: &[&Parameter] = &[&p::MODALITY, &p::LIMIT, &p::OFFSET, &p::FUZZY, &p::INCLUDE];
const SEARCH_INSTANCES: &[&Parameter] = &[&p::LIMIT, &p::OFFSET, &p::FUZZY, &p::INCLUDE];
const READ: &[&Parameter] = &[&p::ACCEPT, &p::CUSTODIAN, &p::VERSION];

const URI: &[&Parameter] = &[
    &p::REQUEST_TYPE,
    &p::STUDY_UID,
    &p::SERIES_UID,
    &p::OBJECT_UID,
    &p::CONTENT_TYPE,
    &p::CHARSET,
    &p::TRANSFER_SYNTAX,
    &p::ANONYMIZE,
    &p::ANNOTATION,
    &p::IMAGE_ANNOTATION,
    &p::ROWS,
    &p::COLUMNS,
    &p::REGION,
    &p::WINDOW_CENTER,
    &p::WINDOW_WIDTH,
    &p::IMAGE_QUALITY,
    &p::FRAME_NUMBER,
    &p::PRESENTATION_SERIES_UID,
    &p::PRESENTATION_UID,
    &p::CUSTODIAN,
    &p::VERSION,
];
const BY_URI: &[Status] = &[
    Status(200, "The instance."),
    Status(206, "The part of it that Range asks for."),
    UNCHANGED,
    BAD,
    NOBODY,
    Status(403, "The token's holder may not read, or anonymize was asked for."),
    NOT_FOUND,
    GONE,
    NOT_ACCEPTABLE,
    TOO_LONG,
    Status(413, "A frame is larger than the limit."),
    Status(416, "The range lies outside."),
    UNPROCESSABLE,
    UNAVAILABLE,
];

const RENDERING: &[&Parameter] = &[
    &p::ACCEPT,
    &p::RENDERED_ANNOTATION,
    &p::QUALITY,
    &p::VIEWPORT,
    &p::WINDOW,
    &p::ICC_PROFILE,
    &p::CUSTODIAN,
    &p::VERSION,
];
const THUMBNAILING: &[&Parameter] = &[&p::ACCEPT, &p::THUMBNAIL_VIEWPORT, &p::CUSTODIAN, &p::VERSION];
const RENDERED: &[&str] = &[
    "image/jpeg",
    "image/png",
    "image/gif",
    IMAGE_PARTS,
    "text/html",
    "text/plain",
    "text/xml",
    "application/pdf",
    "video/mp4",
    "video/mpeg",
    "video/H265",
    VIDEO_PARTS,
];
const RENDERED_PARTS: &[&str] = &[IMAGE_PARTS, VIDEO_PARTS, "multipart/related; type=\"text/html\""];
const THUMBNAIL: &[&str] = &["image/jpeg", "image/png", "image/gif"];
const SHOW: &[Status] = &[
    Status(200, "All of it."),
    Status(206, "All but what cannot be shown, with a Warning; or the part that Range asks for."),
    UNCHANGED,
    BAD,
    NOBODY,
    DENIED,
    NOT_FOUND,
    GONE,
    NOT_ACCEPTABLE,
    Status(413, "More pictures than one answer takes, or a frame larger than the limit."),
    Status(416, "The range lies outside."),
    UNPROCESSABLE,
    UNAVAILABLE,
];

const WITH_JSON: Example = Example { query: "", arguments: "-H 'Accept: application/dicom+json'" };
const AS_STORED: Example = Example {
    query: "",
    arguments: "-H 'Accept: multipart/related; type=\"application/dicom\"; transfer-syntax=*' -o study.multipart",
};

const fn search(
    id: &'static str,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static Parameter],
    statuses: &'static [Status],
) -> Operation {
    Operation {
        id,
        group: Group::Search,
        method: "GET",
        path,
        summary,
        more: "",
        query,
        takes: &[],
        gives: &[JSON, XML_PARTS],
        statuses,
        access: Access::Token,
        example: WITH_JSON,
    }
}

const fn retrieve(
    id: &'static str,
    path: &'static str,
    summary: &'static str,
    gives: &'static [&'static str],
    example: Example,
) -> Operation {
    Operation {
        id,
        group: Group::Retrieve,
        method: "GET",
        path,
        summary,
        more: "",
        query: READ,
        takes: &[],
        gives,
        statuses: RETRIEVE,
        access: Access::Token,
        example,
    }
}

const fn rendered(
    id: &'static str,
    path: &'static str,
    summary: &'static str,
    gives: &'static [&'static str],
    query: &'static [&'static Parameter],
    example: Example,
) -> Operation {
    Operation { query, statuses: SHOW, ..retrieve(id, path, summary, gives, example) }
}

const fn metadata(id: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation { statuses: METADATA, ..retrieve(id, path, summary, &[JSON, XML_PARTS], WITH_JSON) }
}

const fn store(id: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        id,
        group: Group::Store,
        method: "POST",
        path,
        summary,
        more: "One bare application/dicom file as the whole body is taken, too.",
        query: &[],
        takes: &[DICOM_PARTS, JSON_PARTS, XML_PARTS, DICOM],
        gives: &[JSON, XML],
        statuses: STORE,
        access: Access::Token,
        example: Example {
            query: "",
            arguments: "-H 'Content-Type: application/dicom' --data-binary @image.dcm",
        },
    }
}

const fn delete(id: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation {
        id,
        group: Group::Delete,
        method: "DELETE",
        path,
        summary,
        more: "With all versions, and what rejection notes hide. Its bytes are removed from disk soon after.",
        query: &[&p::REASON, &p::CUSTODIAN],
        takes: &[],
        gives: &[],
        statuses: DELETE,
        access: Access::Token,
        example: Example { query: "?reason=sent%20by%20mistake", arguments: "" },
    }
}

const fn open(
    id: &'static str,
    group: Group,
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    gives: &'static [&'static str],
    statuses: &'static [Status],
) -> Operation {
    Operation {
        id,
        group,
        method,
        path,
        summary,
        more: "",
        query: &[],
        takes: &[],
        gives,
        statuses,
        access: Access::Open,
        example: Example { query: "", arguments: "" },
    }
}

/// All that is served for programs.
pub(crate) static OPERATIONS: &[Operation] = &[
    search("SearchForStudies", "/dicom-web/studies", "Search for studies", SEARCH_STUDIES, SEARCH),
    search("SearchForSeries", "/dicom-web/series", "Search for series of all studies", SEARCH_SERIES, SEARCH),
    search(
        "SearchForInstances",
        "/dicom-web/instances",
        "Search for instances of all studies",
        SEARCH_INSTANCES,
        SEARCH,
    ),
    search(
        "SearchForStudySeries",
        "/dicom-web/studies/{study}/series",
        "Search for series of a study",
        SEARCH_SERIES,
        SEARCH_BELOW,
    ),
    search(
        "SearchForStudyInstances",
        "/dicom-web/studies/{study}/instances",
        "Search for instances of a study",
        SEARCH_INSTANCES,
        SEARCH_BELOW,
    ),
    search(
        "SearchForStudySeriesInstances",
        "/dicom-web/studies/{study}/series/{series}/instances",
        "Search for instances of a series",
        SEARCH_INSTANCES,
        SEARCH_BELOW,
    ),
    retrieve(
        "RetrieveStudy",
        "/dicom-web/studies/{study}",
        "All instances of a study",
        &[DICOM_PARTS],
        AS_STORED,
    ),
    retrieve(
        "RetrieveSeries",
        "/dicom-web/studies/{study}/series/{series}",
        "All instances of a series",
        &[DICOM_PARTS],
        AS_STORED,
    ),
    retrieve(
        "RetrieveInstance",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}",
        "One instance",
        &[DICOM_PARTS, DICOM],
        Example { query: "", arguments: "-H 'Accept: application/dicom; transfer-syntax=*' -o image.dcm" },
    ),
    metadata(
        "RetrieveStudyMetadata",
        "/dicom-web/studies/{study}/metadata",
        "Metadata of all instances of a study",
    ),
    metadata(
        "RetrieveSeriesMetadata",
        "/dicom-web/studies/{study}/series/{series}/metadata",
        "Metadata of all instances of a series",
    ),
    metadata(
        "RetrieveInstanceMetadata",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/metadata",
        "Metadata of one instance",
    ),
    retrieve(
        "RetrieveFrames",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}",
        "Frames of an instance",
        &[OCTET_PARTS, OCTETS, IMAGE_PARTS, VIDEO_PARTS],
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"application/octet-stream\"' -o frame.multipart",
        },
    ),
    retrieve(
        "RetrieveBulkdata",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulkdata/{attribute}",
        "One long value of an instance",
        &[OCTET_PARTS, OCTETS],
        Example { query: "", arguments: "-H 'Accept: application/octet-stream' -o value" },
    ),
    retrieve(
        "RetrieveStudyBulkdata",
        "/dicom-web/studies/{study}/bulkdata",
        "All bulk data of a study",
        &[OCTET_PARTS],
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"application/octet-stream\"' -o bulkdata.multipart",
        },
    ),
    retrieve(
        "RetrieveStudyPixelData",
        "/dicom-web/studies/{study}/pixeldata",
        "All pixel data of a study",
        &[OCTET_PARTS],
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"application/octet-stream\"' -o pixeldata.multipart",
        },
    ),
    retrieve(
        "RetrieveSeriesBulkdata",
        "/dicom-web/studies/{study}/series/{series}/bulkdata",
        "All bulk data of a series",
        &[OCTET_PARTS],
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"application/octet-stream\"' -o bulkdata.multipart",
        },
    ),
    retrieve(
        "RetrieveSeriesPixelData",
        "/dicom-web/studies/{study}/series/{series}/pixeldata",
        "All pixel data of a series",
        &[OCTET_PARTS],
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"application/octet-stream\"' -o pixeldata.multipart",
        },
    ),
    retrieve(
        "RetrieveInstanceBulkdata",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/bulkdata",
        "All bulk data of an instance",
        &[OCTET_PARTS],
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"application/octet-stream\"' -o bulkdata.multipart",
        },
    ),
    retrieve(
        "RetrieveInstancePixelData",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/pixeldata",
        "All pixel data of an instance",
        &[OCTET_PARTS],
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"application/octet-stream\"' -o pixeldata.multipart",
        },
    ),
    rendered(
        "RetrieveRenderedStudy",
        "/dicom-web/studies/{study}/rendered",
        "All instances of a study, rendered",
        RENDERED_PARTS,
        RENDERING,
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"image/jpeg\"' -o pictures.multipart",
        },
    ),
    rendered(
        "RetrieveRenderedSeries",
        "/dicom-web/studies/{study}/series/{series}/rendered",
        "All instances of a series, rendered",
        RENDERED_PARTS,
        RENDERING,
        Example {
            query: "",
            arguments: "-H 'Accept: multipart/related; type=\"image/jpeg\"' -o pictures.multipart",
        },
    ),
    rendered(
        "RetrieveRenderedInstance",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/rendered",
        "One instance, rendered",
        RENDERED,
        RENDERING,
        Example { query: "", arguments: "-H 'Accept: image/jpeg' -o picture.jpeg" },
    ),
    rendered(
        "RetrieveRenderedFrames",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/rendered",
        "Frames, rendered",
        RENDERED,
        RENDERING,
        Example { query: "", arguments: "-H 'Accept: image/jpeg' -o picture.jpeg" },
    ),
    rendered(
        "RetrieveStudyThumbnail",
        "/dicom-web/studies/{study}/thumbnail",
        "One small picture of a study",
        THUMBNAIL,
        THUMBNAILING,
        Example { query: "", arguments: "-H 'Accept: image/jpeg' -o thumbnail.jpeg" },
    ),
    rendered(
        "RetrieveSeriesThumbnail",
        "/dicom-web/studies/{study}/series/{series}/thumbnail",
        "One small picture of a series",
        THUMBNAIL,
        THUMBNAILING,
        Example { query: "", arguments: "-H 'Accept: image/jpeg' -o thumbnail.jpeg" },
    ),
    rendered(
        "RetrieveInstanceThumbnail",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/thumbnail",
        "One small picture of an instance",
        THUMBNAIL,
        THUMBNAILING,
        Example { query: "", arguments: "-H 'Accept: image/jpeg' -o thumbnail.jpeg" },
    ),
    rendered(
        "RetrieveFrameThumbnail",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}/frames/{frames}/thumbnail",
        "One small picture of a frame",
        THUMBNAIL,
        THUMBNAILING,
        Example { query: "", arguments: "-H 'Accept: image/jpeg' -o thumbnail.jpeg" },
    ),
    store("StoreInstances", "/dicom-web/studies", "Store instances of any studies"),
    store("StoreStudyInstances", "/dicom-web/studies/{study}", "Store instances of one study"),
    Operation {
        id: "UploadZip",
        group: Group::Store,
        method: "POST",
        path: "/api/upload",
        summary: "Store the DICOM files in a ZIP",
        more: "An extension of our own, as people have studies from a CD. The answer counts what is stored, the same as before, \
               another version, left out (no DICOM) or refused, and has a line for each file that is not simply stored.",
        query: &[],
        takes: &[ZIP],
        gives: &[PLAIN_JSON],
        statuses: UPLOAD,
        access: Access::Token,
        example: Example {
            query: "",
            arguments: "-H 'Content-Type: application/zip' --data-binary @study.zip",
        },
    },
    links::LIST,
    links::MAKE,
    links::WITHDRAW,
    Operation {
        id: "RequestCommitment",
        group: Group::Commitment,
        method: "POST",
        path: "/dicom-web/commitment-requests/{transaction}",
        summary: "Ask whether instances are kept safely",
        more: "Each instance is read again from disk and compared with what was stored. Results are kept for a week.",
        query: &[&p::ACCEPT],
        takes: &[JSON],
        gives: &[JSON, XML],
        statuses: COMMIT,
        access: Access::Token,
        example: Example {
            query: "",
            arguments: "-H 'Content-Type: application/dicom+json' --data-binary @request.json",
        },
    },
    Operation {
        id: "RetrieveCommitment",
        group: Group::Commitment,
        method: "GET",
        path: "/dicom-web/commitment-requests/{transaction}",
        summary: "The result of such a request",
        more: "",
        query: &[&p::ACCEPT],
        takes: &[],
        gives: &[JSON, XML],
        statuses: COMMITTED,
        access: Access::Token,
        example: Example { query: "", arguments: "" },
    },
    delete("DeleteStudy", "/dicom-web/studies/{study}", "Delete a study"),
    delete("DeleteSeries", "/dicom-web/studies/{study}/series/{series}", "Delete a series"),
    delete(
        "DeleteInstance",
        "/dicom-web/studies/{study}/series/{series}/instances/{instance}",
        "Delete an instance",
    ),
    Operation {
        id: "RetrieveByUri",
        group: Group::Uri,
        method: "GET",
        path: "/wado",
        summary: "One instance by a query",
        more: "Without contentType and transferSyntax, Accept decides.",
        query: URI,
        takes: &[],
        gives: &[
            DICOM,
            "image/jpeg",
            "image/png",
            "image/gif",
            "text/html",
            "text/plain",
            "text/xml",
            "application/pdf",
            "video/mp4",
            "video/mpeg",
            "video/H265",
        ],
        statuses: BY_URI,
        access: Access::Token,
        example: Example {
            query: "?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.4&objectUID=1.2.3.4.5&contentType=application/dicom",
            arguments: "-o image.dcm",
        },
    },
    open(
        "CheckUriMethods",
        Group::Uri,
        "OPTIONS",
        "/wado",
        "The methods of the URI service",
        &[],
        &[Status(204, "They are in Allow.")],
    ),
    open(
        "RetrieveCapabilities",
        Group::Service,
        "OPTIONS",
        "/dicom-web/",
        "What the service can do; on a resource, what that resource can",
        &[WADL, PLAIN_JSON],
        &[Status(200, "The description, and Allow."), NOT_ACCEPTABLE],
    ),
    open(
        "RetrieveDescription",
        Group::Service,
        "GET",
        "/docs/openapi.json",
        "This description, as OpenAPI 3.1",
        &[PLAIN_JSON],
        &[Status(200, "The description."), UNCHANGED],
    ),
    open(
        "ReadDescription",
        Group::Service,
        "GET",
        "/docs",
        "This description, to read",
        &["text/html"],
        &[Status(200, "A page."), UNCHANGED],
    ),
    open(
        "CheckHealth",
        Group::Server,
        "GET",
        "/healthz",
        "Whether the process runs",
        &["text/plain"],
        &[Status(200, "It does.")],
    ),
    open(
        "CheckReadiness",
        Group::Server,
        "GET",
        "/readyz",
        "Whether it takes requests",
        &["text/plain"],
        &[Status(200, "It does."), Status(503, "It is stopping.")],
    ),
    Operation {
        access: Access::Token,
        ..open(
            "ReadMetrics",
            Group::Server,
            "GET",
            "/metrics",
            "Metrics, as Prometheus reads them",
            &["text/plain"],
            &[Status(200, "The metrics."), NOBODY, Status(403, "The token's holder may not administer.")],
        )
    },
];

/// The operations of a resource of the DICOMweb service, by its path below the service; of all for the service itself.
pub(crate) fn below_the_service(path: &str) -> impl Iterator<Item = &'static Operation> {
    let whole = format!("{SERVICE}{}", path.trim_end_matches('/'));
    OPERATIONS.iter().filter(move |operation| {
        operation.path.starts_with(SERVICE)
            && operation.method != "OPTIONS"
            && (whole == SERVICE || operation.is_at(&whole))
    })
}
