//! The parameters of a rendered resource as the renderer takes them.

use dicomweb::media::Offer;
use dicomweb::query::{
    Annotations, Function as Shape, ProfileName, QueryError, RenderedRequest, Rendering, RetrieveRequest,
    Source, UriRequest, Viewport as Fit, Window as Wanted,
};
use imaging::render::{Annotation, Function, Output, Profile, Region, Request, Viewport, Window};

use crate::refusal::Refusal;

/// What a request says beside its path.
pub(super) struct Wishes {
    pub(super) query: RetrieveRequest,
    quality: Option<u8>,
    viewport: Option<Viewport>,
    region: Option<Region>,
    window: Option<Window>,
    annotation: Annotation,
    /// Keywords of the annotation that nobody knows.
    unknown: Vec<String>,
    profile: Profile,
}

impl Wishes {
    /// Those of WADO-RS.
    pub(super) fn read(query: &str) -> Result<Self, QueryError> {
        let wanted = RenderedRequest::parse(query)?;
        let Annotations { patient, technique, unknown } = wanted.annotation.unwrap_or_default();
        Ok(Self {
            query: RetrieveRequest::parse(query)?,
            quality: wanted.quality,
            viewport: wanted.viewport.map(viewport),
            region: wanted.viewport.and_then(|viewport| viewport.source).map(region),
            window: wanted.window.and_then(window),
            annotation: Annotation { patient, technique },
            unknown,
            profile: wanted.profile.map_or(Profile::Unnamed, profile),
        })
    }

    /// Those of WADO-URI; `rows` or `columns` alone leave the other side as long as it likes.
    pub(super) fn of_uri(request: &UriRequest) -> Self {
        let Rendering { annotation, quality, rows, columns, region, window, .. } = &request.rendering;
        let known = |keyword: &str| annotation.iter().any(|given| given == keyword);
        let side = |length: Option<u32>| length.unwrap_or(Viewport::MOST).min(Viewport::MOST);
        Self {
            query: RetrieveRequest {
                custodian: request.custodian.clone(),
                version: request.version,
                ..RetrieveRequest::default()
            },
            quality: *quality,
            viewport: (rows.is_some() || columns.is_some())
                .then(|| Viewport { width: side(*columns), height: side(*rows) }),
            region: region.map(Region::Fractions),
            window: window.and_then(|(center, width)| Window::new(center, width, Function::Linear)),
            annotation: Annotation { patient: known("patient"), technique: known("technique") },
            unknown: annotation
                .iter()
                .filter(|keyword| !matches!(keyword.as_str(), "patient" | "technique"))
                .cloned()
                .collect(),
            profile: Profile::Unnamed,
        }
    }

    /// The request to render what is offered.
    ///
    /// # Errors
    /// 400 for a colour profile in a form that has no room for one (PS3.18 8.3.5.1.5).
    pub(super) fn request(&self, offer: &Offer) -> Result<Request, Refusal> {
        let output = output(offer);
        if !output.takes_profile() && !matches!(self.profile, Profile::Unnamed | Profile::No) {
            let text =
                format!("{} cannot hold a colour profile; leave iccprofile out, or say no.", offer.media);
            return Err(Refusal::bad_request(text));
        }
        Ok(Request {
            quality: self.quality.unwrap_or(Request::QUALITY),
            viewport: self.viewport,
            region: self.region,
            window: self.window,
            annotation: self.annotation,
            profile: self.profile,
            ..Request::new(output)
        })
    }

    /// A presentation state has a window and an area of its own (PS3.18 8.3.5.1.3, 8.3.5.1.4).
    ///
    /// # Errors
    /// 400 for a window, or for a part of the source.
    pub(super) fn check_for_state(&self) -> Result<(), Refusal> {
        if self.window.is_some() {
            return Err(Refusal::bad_request(
                "A presentation state has its own window; leave the parameter out.",
            ));
        }
        if self.region.is_some() {
            return Err(Refusal::bad_request(
                "The viewport of a presentation state is vw,vh and nothing else.",
            ));
        }
        Ok(())
    }

    /// What of the annotation is ignored, as a Warning says it (PS3.18 8.3.5.1.1).
    pub(super) fn ignored(&self) -> Option<String> {
        let list = self.unknown.join(",");
        (!self.unknown.is_empty())
            .then(|| format!("The following annotation values are not supported: {list}"))
    }
}

/// The form of an offer of pictures.
pub(crate) fn output(offer: &Offer) -> Output {
    match offer.media {
        "image/png" => Output::Png,
        "image/gif" => Output::Gif,
        _ => Output::Jpeg,
    }
}

/// Width and height without a part of the source.
pub(crate) fn viewport(wanted: Fit) -> Viewport {
    Viewport { width: wanted.width, height: wanted.height }
}

fn region(source: Source) -> Region {
    Region::Pixels {
        x: source.x.unwrap_or(0.0),
        y: source.y.unwrap_or(0.0),
        width: source.width,
        height: source.height,
    }
}

fn window(wanted: Wanted) -> Option<Window> {
    let function = match wanted.function {
        Shape::Linear => Function::Linear,
        Shape::LinearExact => Function::LinearExact,
        Shape::Sigmoid => Function::Sigmoid,
    };
    Window::new(wanted.center, wanted.width, function)
}

fn profile(name: ProfileName) -> Profile {
    match name {
        ProfileName::No => Profile::No,
        ProfileName::Yes => Profile::Yes,
        ProfileName::Srgb => Profile::Srgb,
        ProfileName::AdobeRgb => Profile::AdobeRgb,
        ProfileName::RommRgb => Profile::RommRgb,
    }
}
