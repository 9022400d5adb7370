//! What a client takes: the `Accept` header and the `accept` query parameter together (PS3.18 8.7.5 to 8.7.8).

use super::Offer;
use super::range::MediaRange;

/// The kinds of resource that negotiate differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Studies, series, instances.
    Instances,
    /// Metadata of them.
    Metadata,
    /// Frames.
    Frames,
    /// Bulk data.
    Bulk,
    /// Rendered resources and thumbnails.
    Rendered,
    /// Search results.
    Search,
    /// The response to a store.
    Store,
}

/// What a request without `Accept` gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingAccept {
    /// The default of the resource, as if it said `*/*`: real clients leave it out.
    #[default]
    Anything,
    /// 406, by the letter of PS3.18 8.7.5.
    Refuse,
}

/// Why a request's wishes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// No `Accept` header, and [`MissingAccept::Refuse`]: 406.
    #[error("the request has no Accept header")]
    Missing,
    /// DICOM and rendered media types in one header: 400 (PS3.18 8.7.5).
    #[error("the Accept header mixes DICOM media types with rendered ones; ask for one kind")]
    Mixed,
    /// The `accept` parameter has a wildcard or no media type: 400 (PS3.18 8.3.3.1).
    #[error("the parameter accept must be a media type without wildcards")]
    Parameter,
    /// The `accept` parameter names what the header excludes: 400 (PS3.18 8.3.3.1).
    #[error("the parameter accept names a media type that the Accept header does not allow")]
    Incompatible,
}

/// What a client takes, ready to be compared with what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    parameter: Vec<MediaRange>,
    header: Vec<MediaRange>,
}

impl Accept {
    /// Reads the values of the `Accept` headers (one text each) and the (decoded) value of the parameter `accept`.
    ///
    /// Ranges that make no sense are ignored; so is everything after the 64th.
    ///
    /// # Errors
    /// [`AcceptError`].
    pub fn read<'a>(
        header: impl IntoIterator<Item = &'a str>,
        parameter: Option<&str>,
        resource: Resource,
        missing: MissingAccept,
    ) -> Result<Self, AcceptError> {
        let mut texts = header.into_iter().peekable();
        let absent = texts.peek().is_none();
        if absent && missing == MissingAccept::Refuse {
            return Err(AcceptError::Missing);
        }
        let header = if absent {
            MediaRange::parse_list("*/*")
        } else {
            MediaRange::parse_list(&texts.collect::<Vec<_>>().join(","))
        };
        if mixes_kinds(&header, resource) {
            return Err(AcceptError::Mixed);
        }
        let parameter = match parameter {
            None => Vec::new(),
            Some(text) => read_parameter(text, &header)?,
        };
        Ok(Self { parameter, header })
    }

    /// The best of these offers; ties go to the one that stands first. `None` is 406.
    ///
    /// The parameter is asked first, then the header (PS3.18 8.7.8.1).
    pub fn choose<'o>(&self, offers: &'o [Offer]) -> Option<&'o Offer> {
        best(&self.parameter, offers).or_else(|| best(&self.header, offers))
    }
}

fn read_parameter(text: &str, header: &[MediaRange]) -> Result<Vec<MediaRange>, AcceptError> {
    let named = MediaRange::parse_list(text);
    if named.is_empty() || named.iter().any(MediaRange::is_wild) {
        return Err(AcceptError::Parameter);
    }
    let allowed = |range: &MediaRange| header.iter().any(|wide| wide.covers(range));
    if !named.iter().all(allowed) {
        return Err(AcceptError::Incompatible);
    }
    Ok(named)
}

fn mixes_kinds(ranges: &[MediaRange], resource: Resource) -> bool {
    let of_bulk_data = match resource {
        Resource::Frames | Resource::Bulk => true,
        Resource::Instances | Resource::Metadata => false,
        Resource::Rendered => {
            return ranges.iter().any(MediaRange::names_dicom)
                && ranges.iter().any(MediaRange::names_rendered);
        }
        // There is nothing rendered to be had, so a general list of an HTTP client does no harm.
        Resource::Search | Resource::Store => return false,
    };
    ranges.iter().any(MediaRange::is_dicom) && ranges.iter().any(|range| range.is_rendered(of_bulk_data))
}

fn best<'o>(ranges: &[MediaRange], offers: &'o [Offer]) -> Option<&'o Offer> {
    let mut best: Option<(&Offer, u16)> = None;
    for offer in offers {
        let closest = ranges.iter().filter_map(|range| Some((range.closeness(offer)?, range.weight))).max();
        let Some((_, weight)) = closest else { continue };
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((offer, weight));
        }
    }
    best.map(|(offer, _)| offer)
}

#[cfg(test)]
mod tests;
