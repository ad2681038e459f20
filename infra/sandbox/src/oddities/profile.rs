//! Oddities of followers' profiles, and of the list of followers.

use crate::oddities::catalog::Oddity;
use crate::oddities::draw::{Draw, Random};
use serde_json::{Value, json};

/// How one profile changes.
type Edit = fn(&mut Value);

/// Changes one of the profiles in an answer, or the list.
pub(super) fn change(draw: &mut Draw, answer: &mut Value) {
    let edits: [(Oddity, Edit); 3] = [
        (Oddity::ProfileWithoutSubscribe, |profile| {
            profile.as_object_mut().map(|map| map.remove("subscribe"));
        }),
        (Oddity::ProfileWithoutTime, |profile| profile["subscribe_time"] = json!("")),
        (Oddity::ProfileWithoutOpenid, |profile| profile["openid"] = Value::Null),
    ];
    for (oddity, edit) in edits {
        draw.try_to(oddity, |random| one_profile(random, answer).map(edit).is_some());
    }
    for (oddity, pointer) in
        [(Oddity::NullProfiles, "/user_info_list"), (Oddity::NullOpenids, "/data/openid")]
    {
        draw.try_to(oddity, |random| {
            let Some(Value::Array(list)) = answer.pointer_mut(pointer) else { return false };
            list.insert(random.below(list.len() + 1), Value::Null);
            true
        });
    }
}

/// One of the followers' profiles in an answer of `user/info` or of `batchget`.
fn one_profile<'a>(random: &mut Random, answer: &'a mut Value) -> Option<&'a mut Value> {
    if answer.get("subscribe_time").is_some() {
        return Some(answer);
    }
    let list = answer.get_mut("user_info_list")?.as_array_mut()?;
    let mut followers: Vec<_> =
        list.iter_mut().filter(|it| it.get("subscribe_time").is_some()).collect();
    let chosen = random.below(followers.len());
    (chosen < followers.len()).then(|| followers.swap_remove(chosen))
}
