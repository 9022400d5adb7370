//! The acceptor's side: the A-ASSOCIATE-AC that a policy gives to a request.

use dicom_ul::pdu::{
    AssociationAC, PresentationContextProposed, PresentationContextResult, PresentationContextResultReason,
    RequestorRoles, UserVariableItem,
};
use model::transfer_syntax::{IMPLICIT_LE, Syntax};

use super::policy::SCU;
use super::{AssociateRequest, Context, Negotiated, Peer, Policy, fragment_for};
use crate::{APPLICATION_CONTEXT, Implementation, Limits, PROTOCOL_VERSION};

/// Answers every proposed context once, in the order of the proposal (PS3.8 9.3.3.2).
///
/// `identity` is the server response of the User Identity negotiation: it goes out only when one was asked for
/// (PS3.7 D.3.3.7.2). `None` when the peer's maximum length has no room for a fragment.
pub(crate) fn answer(
    request: &AssociateRequest,
    policy: &dyn Policy,
    implementation: &Implementation,
    limits: &Limits,
    identity: Option<&[u8]>,
) -> Option<(AssociationAC, Negotiated)> {
    let fragment = fragment_for(request.user.maximum_length, limits)?;
    let roles = answered_roles(request, policy);
    let mut results = Vec::with_capacity(request.contexts.len());
    let mut contexts = Vec::new();
    for proposed in &request.contexts {
        let (reason, syntax) = judge(proposed, policy);
        results.push(PresentationContextResult {
            id: proposed.id,
            reason,
            // Not significant unless accepted, but peers read it.
            transfer_syntax: syntax.unwrap_or(IMPLICIT_LE).uid.to_owned(),
        });
        if let Some(transfer_syntax) = syntax {
            contexts.push(Context {
                id: proposed.id,
                abstract_syntax: proposed.abstract_syntax.as_str().into(),
                transfer_syntax,
                roles: role_of(&roles, &proposed.abstract_syntax),
            });
        }
    }
    let negotiated = Negotiated { contexts, refused: Vec::new(), peer: Peer::of(&request.user), fragment };
    let accept = AssociationAC {
        protocol_version: PROTOCOL_VERSION,
        called_ae_title: request.echoed.0.clone(),
        calling_ae_title: request.echoed.1.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts: results,
        user_variables: user_variables(request, policy, implementation, limits, roles, identity),
    };
    Some((accept, negotiated))
}

/// Result 0, 3 or 4, and the one transfer syntax that is taken (DIMSE-005, DIMSE-006).
fn judge(
    proposed: &PresentationContextProposed,
    policy: &dyn Policy,
) -> (PresentationContextResultReason, Option<Syntax>) {
    let Some(offer) = policy.offer(&proposed.abstract_syntax) else {
        return (PresentationContextResultReason::AbstractSyntaxNotSupported, None);
    };
    match offer.preference.choose(proposed.transfer_syntaxes.iter().map(String::as_str)) {
        Some(syntax) => (PresentationContextResultReason::Acceptance, Some(syntax)),
        None => (PresentationContextResultReason::TransferSyntaxesNotSupported, None),
    }
}

/// PS3.7 D.3.3.4: each proposed role is taken or not; none that was not proposed is given. Classes that are not
/// supported get no answer.
fn answered_roles(request: &AssociateRequest, policy: &dyn Policy) -> Vec<(String, RequestorRoles)> {
    let mut answered: Vec<(String, RequestorRoles)> = Vec::new();
    for (class, proposed) in &request.user.roles {
        let Some(offer) = policy.offer(class) else { continue };
        if answered.iter().any(|(known, _)| known == class) {
            continue;
        }
        let roles =
            RequestorRoles { scu: proposed.scu && offer.roles.scu, scp: proposed.scp && offer.roles.scp };
        answered.push((class.clone(), roles));
    }
    answered
}

pub(super) fn role_of(roles: &[(String, RequestorRoles)], class: &str) -> RequestorRoles {
    roles.iter().find(|(known, _)| known == class).map_or(SCU, |(_, roles)| *roles)
}

fn user_variables(
    request: &AssociateRequest,
    policy: &dyn Policy,
    implementation: &Implementation,
    limits: &Limits,
    roles: Vec<(String, RequestorRoles)>,
    identity: Option<&[u8]>,
) -> Vec<UserVariableItem> {
    let mut items = implementation.items(limits);
    if request.user.operations_window.is_some() {
        items.push(UserVariableItem::Unknown(0x53, vec![0, 1, 0, 1]));
    }
    items.extend(
        roles.into_iter().map(|(class, roles)| UserVariableItem::ScuScpRoleSelectionSubItem(class, roles)),
    );
    for (class, offered) in &request.user.extended {
        let answer = policy.offer(class).and_then(|offer| offer.extended.answer(offered));
        if let Some(answer) = answer {
            items.push(UserVariableItem::SopClassExtendedNegotiationSubItem(class.clone(), answer));
        }
    }
    let asked = request.user.identity.as_ref().is_some_and(|identity| identity.positive_response_requested());
    if let (true, Some(response)) = (asked, identity) {
        let length = u16::try_from(response.len()).unwrap_or(0);
        let response = response.get(..usize::from(length)).unwrap_or_default();
        items.push(UserVariableItem::Unknown(0x59, [&length.to_be_bytes(), response].concat()));
    }
    items
}
