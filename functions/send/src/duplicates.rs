//! A person who stands several times among the recipients of a request gets one message.

use crate::app::App;
use crate::deliver::MAX_CONCURRENCY;
use crate::recipient::Recipient;
use crate::recipient_routes::RecipientRoutes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::aws::AwsError;
use std::collections::{BTreeMap, HashMap};

/// The recipients that are a person who stands earlier in the list: their index, and that
/// of the earlier one.
///
/// If the recipients are named in different ways, the tables are asked who they are, and
/// `routes` keeps what they say.
pub(crate) async fn find_duplicates(
    app: &App,
    recipients: &[Recipient],
    routes: &mut [RecipientRoutes<'_>],
) -> Result<BTreeMap<usize, usize>, AwsError> {
    let mut by_name = HashMap::new();
    let mut duplicates = BTreeMap::new();
    for (at, recipient) in recipients.iter().enumerate() {
        let first = *by_name.entry(recipient).or_insert(at);
        if first != at {
            duplicates.insert(at, first);
        }
    }
    if by_name.len() > 1 && !names_tell(recipients) {
        let distinct = routes.iter_mut().enumerate().filter(|(at, _)| !duplicates.contains_key(at));
        let distinct: Vec<_> = stream::iter(distinct)
            .map(async |(at, routes)| Ok::<_, AwsError>((at, routes.all(app).await?)))
            .buffered(MAX_CONCURRENCY)
            .try_collect()
            .await?;
        let mut owners = HashMap::new();
        let mut same_person = BTreeMap::new();
        for (at, identities) in distinct {
            let identities = identities.iter().map(|it| (&it.app_id, &it.open_id));
            match identities.clone().find_map(|identity| owners.get(&identity).copied()) {
                Some(owner) => {
                    same_person.insert(at, owner);
                }
                None => owners.extend(identities.map(|identity| (identity, at))),
            }
        }
        for first in duplicates.values_mut() {
            *first = same_person.get(first).copied().unwrap_or(*first);
        }
        duplicates.append(&mut same_person);
    }
    Ok(duplicates)
}

/// Whether recipients with different names are different people: all of them are named in
/// the same way. A person has one account, one unionid, and one openid in each app.
fn names_tell(recipients: &[Recipient]) -> bool {
    recipients.windows(2).all(|pair| match (&pair[0], &pair[1]) {
        (Recipient::Account { .. }, Recipient::Account { .. })
        | (Recipient::Union { .. }, Recipient::Union { .. }) => true,
        (Recipient::User { app: one, .. }, Recipient::User { app: other, .. }) => one == other,
        _ => false,
    })
}
