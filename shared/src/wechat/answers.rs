//! Reads the answers of all of WeChat's APIs from bytes, for tests and fuzzing. The functions
//! get them from [`client`](super::client).

use super::login::CodeSession;
use super::message::Accepted;
use super::phone::PhoneNumber;
use super::refusal::Refusal;
use super::templates::{PrivateTemplates, SubscriptionTemplates};
use super::token::GrantedToken;
use super::user::{FollowerPage, UserInfo, UserInfos};
use super::wire::answer::{self, ApiResponse};
use super::wire::fields::Fields;

/// The names of the answers that the body of a response can be read as; `refusal` is alone.
pub fn readable_as(body: &[u8]) -> Vec<&'static str> {
    let Ok(tree) = answer::tree(body) else { return Vec::new() };
    let fields = Fields(&tree);
    match Refusal::in_response("", fields) {
        Err(_) => return Vec::new(),
        Ok(Some(_)) => return vec!["refusal"],
        Ok(None) => {}
    }
    let known = [
        ("accepted", is::<Accepted>(fields)),
        ("code_session", is::<CodeSession>(fields)),
        ("follower_page", is::<FollowerPage>(fields)),
        ("granted_token", is::<GrantedToken>(fields)),
        ("phone_number", is::<PhoneNumber>(fields)),
        ("private_templates", is::<PrivateTemplates>(fields)),
        ("subscription_templates", is::<SubscriptionTemplates>(fields)),
        ("user_info", is::<UserInfo>(fields)),
        ("user_infos", is::<UserInfos>(fields)),
    ];
    known.into_iter().filter_map(|(name, readable)| readable.then_some(name)).collect()
}

fn is<T: ApiResponse>(fields: Fields<'_>) -> bool {
    T::read(fields).is_ok()
}

#[cfg(test)]
mod tests;
