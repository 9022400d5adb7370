//! The requestor's side: what it proposes, and what the A-ASSOCIATE-AC makes of it.

use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, PresentationContextProposed, PresentationContextResultReason,
    RequestorRoles, UserIdentity, UserVariableItem,
};
use model::AeTitle;
use model::transfer_syntax::{Syntax, by_uid};

use super::accept::role_of;
use super::{Context, Negotiated, Peer, UserInformation, fragment_for};
use crate::{APPLICATION_CONTEXT, Implementation, Limits, PROTOCOL_VERSION};

/// The most presentation contexts of one association: the odd numbers of one byte (PS3.8 9.3.2.2).
pub const MOST_CONTEXTS: usize = 128;

/// What a requestor asks for.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The AE title to call.
    pub called: AeTitle,
    /// The own AE title.
    pub calling: AeTitle,
    /// The contexts, at most [`MOST_CONTEXTS`]; the n-th (from 0) gets the id 2n + 1.
    pub contexts: Vec<ProposedContext>,
    /// Roles to ask for, by SOP class; without one the requestor is SCU.
    pub roles: Vec<(String, RequestorRoles)>,
    /// User identity (PS3.7 D.3.3.7); wants TLS.
    pub identity: Option<UserIdentity>,
}

/// One abstract syntax with the transfer syntaxes that are proposed for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedContext {
    /// The SOP class.
    pub abstract_syntax: String,
    /// One or more.
    pub transfer_syntaxes: Vec<Syntax>,
}

/// More than [`MOST_CONTEXTS`] contexts, or one without a transfer syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an association has 1 to 128 presentation contexts, each with a transfer syntax")]
pub struct TooManyContexts;

impl Proposal {
    pub(crate) fn request(
        &self,
        implementation: &Implementation,
        limits: &Limits,
    ) -> Result<AssociationRQ, TooManyContexts> {
        let mut contexts = Vec::with_capacity(self.contexts.len());
        for (id, context) in (1..=255u8).step_by(2).zip(&self.contexts) {
            if context.transfer_syntaxes.is_empty() {
                return Err(TooManyContexts);
            }
            contexts.push(PresentationContextProposed {
                id,
                abstract_syntax: context.abstract_syntax.clone(),
                transfer_syntaxes: context
                    .transfer_syntaxes
                    .iter()
                    .map(|syntax| syntax.uid.to_owned())
                    .collect(),
            });
        }
        if contexts.is_empty() || contexts.len() < self.contexts.len() {
            return Err(TooManyContexts);
        }
        let mut items = implementation.items(limits);
        for (class, roles) in &self.roles {
            items.push(UserVariableItem::ScuScpRoleSelectionSubItem(class.clone(), *roles));
        }
        items.extend(self.identity.clone().map(UserVariableItem::UserIdentityItem));
        Ok(AssociationRQ {
            protocol_version: PROTOCOL_VERSION,
            calling_ae_title: self.calling.as_str().to_owned(),
            called_ae_title: self.called.as_str().to_owned(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: contexts,
            user_variables: items,
        })
    }

    /// What holds after this answer. A context that is not answered, or accepted with a transfer syntax that was not
    /// proposed for it, counts as refused. `None` when the peer's maximum length has no room for a fragment.
    pub(crate) fn negotiated(&self, accept: AssociationAC, limits: &Limits) -> Option<Negotiated> {
        let user = UserInformation::read(accept.user_variables);
        let fragment = fragment_for(user.maximum_length, limits)?;
        let mut negotiated =
            Negotiated { contexts: Vec::new(), refused: Vec::new(), peer: Peer::of(&user), fragment };
        for (id, proposed) in (1..=255u8).step_by(2).zip(&self.contexts) {
            let result = accept.presentation_contexts.iter().find(|result| result.id == id);
            let reason =
                result.map_or(PresentationContextResultReason::NoReason, |result| result.reason.clone());
            let accepted = result
                .filter(|_| reason == PresentationContextResultReason::Acceptance)
                .and_then(|result| by_uid(&result.transfer_syntax))
                .filter(|syntax| proposed.transfer_syntaxes.contains(syntax));
            match accepted {
                Some(transfer_syntax) => negotiated.contexts.push(Context {
                    id,
                    abstract_syntax: proposed.abstract_syntax.as_str().into(),
                    transfer_syntax,
                    roles: role_of(&user.roles, &proposed.abstract_syntax),
                }),
                None if reason == PresentationContextResultReason::Acceptance => {
                    negotiated.refused.push((id, PresentationContextResultReason::NoReason));
                }
                None => negotiated.refused.push((id, reason)),
            }
        }
        Some(negotiated)
    }
}

impl Peer {
    pub(super) fn of(user: &UserInformation) -> Self {
        Self {
            implementation_class: user.implementation_class.as_str().into(),
            implementation_version: user.implementation_version.as_str().into(),
        }
    }
}
