//! `app-config.js`: what OHIF is told of this server.

use serde_json::json;

/// The script. `root` is the path of the base URL: OHIF asks the host that it came from.
pub(super) fn script(root: &str, study_list: bool) -> String {
    let service = format!("{root}/dicom-web");
    let config = json!({
        "name": "overread",
        "routerBasename": format!("{root}/viewer"),
        "extensions": [],
        "modes": [],
        // The first picture is there to be read: no tour lies over it.
        "customizationService": [{ "ohif.tours": { "$set": [] } }],
        "showStudyList": study_list,
        // What is searched for stays out of the address.
        "filterQueryParam": false,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": true,
        "showCPUFallbackMessage": true,
        "showLoadingIndicator": true,
        "strictZSpacingForVolumeViewport": true,
        "groupEnabledModesFirst": true,
        "showErrorDetails": "production",
        // HTTP/2 carries 100 requests of one connection at once.
        "maxNumRequests": { "interaction": 100, "thumbnail": 20, "prefetch": 25 },
        "defaultDataSourceName": "overread",
        "dataSources": [{
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "overread",
            "configuration": {
                "friendlyName": "Overread",
                "name": "overread",
                "qidoRoot": service,
                "wadoRoot": service,
                "wadoUriRoot": format!("{root}/wado"),
                "qidoSupportsIncludeField": true,
                "supportsReject": false,
                "supportsStow": false,
                "supportsFuzzyMatching": true,
                "supportsWildcard": true,
                "imageRendering": "wadors",
                "thumbnailRendering": "wadors",
                "enableStudyLazyLoad": true,
                "staticWado": false,
                "dicomUploadEnabled": false,
                "singlepart": "bulkdata,video",
                "bulkDataURI": { "enabled": true },
                "omitQuotationForMultipartRequest": false
            }
        }]
    });
    format!("window.config = {config};\n")
}
