//! Whether a user follows an Official Account: a state machine over events that come in
//! any order, and WeChat's answers about them. It reads and writes no table.
//!
//! | Attribute of the profile | |
//! |---|---|
//! | `follows`, `state_time` | the state, and the second of the event that made it |
//! | `state_from` | `subscribe`, `unsubscribe`, or `lookup`: two opposite events had this second, and WeChat answered which is true |
//! | `profile_fetched` | WeChat was asked who the follower is |
//! | `union_id`, `scene`, `qr_scene`, `qr_scene_str`, `tags`, `remark`, `language` | its answer; removed as soon as they leave |
//! | `left_at` | the last second in which they left: what was begun until then is void |
//! | `version` | counts the transitions, so that none is based on an outdated state |

use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{
    Item, boolean, get_bool, get_number, get_string, get_time, number, string,
};
use crate::store::dynamodb::write::Write;
use crate::store::users::profiles::{follower_details, union_id};
use crate::wechat::id::UnionId;
use crate::wechat::user::FollowerDetails;

/// What an event says that the user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowEvent {
    /// They follow from now on.
    Followed,
    /// They don't any more.
    Unfollowed,
}

/// How a state is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Event(FollowEvent),
    /// From WeChat itself, as events of the same second contradicted each other.
    Lookup,
}

/// Whether a user follows, as of one second of WeChat's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DatedState {
    pub(super) follows: bool,
    pub(super) at: Timestamp,
    source: Source,
}

/// What is known of whether a user follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowState {
    pub(super) state: Option<DatedState>,
    pub(super) left_at: Option<Timestamp>,
    pub(super) profile_fetched: bool,
    pub(super) union_id: Option<UnionId>,
    pub(super) details: FollowerDetails,
    pub(super) version: u64,
}

/// WeChat's answer about a user (`user/info`).
#[derive(Clone, Debug)]
pub struct FetchedProfile {
    /// Whether they follow now.
    pub follows: bool,
    /// The person, where WeChat names one.
    pub union_id: Option<UnionId>,
    /// What else it tells of them.
    pub details: FollowerDetails,
}

/// What an event leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub enum FollowTransition {
    /// The event adds nothing.
    None,
    /// A new state, which is to be stored.
    To(FollowState),
    /// WeChat has to be asked who the follower is, or which of two opposite events came
    /// last.
    NeedsLookup,
}

impl FollowState {
    /// Whether they follow.
    pub fn follows(&self) -> bool {
        self.state.is_some_and(|state| state.follows)
    }

    /// The second of the event that made the state.
    pub fn since(&self) -> Option<Timestamp> {
        self.state.map(|state| state.at)
    }

    /// What an event of the second `at` leads to. The state moves forward in WeChat's
    /// time: an older event changes nothing but what it makes void.
    pub fn transition(&self, event: FollowEvent, at: Timestamp) -> FollowTransition {
        match self.state {
            Some(state) if state.at == at && state.source == Source::Event(event) => {
                if event == FollowEvent::Followed && !self.profile_fetched {
                    FollowTransition::NeedsLookup
                } else {
                    FollowTransition::None
                }
            }
            Some(state) if state.at == at && state.source != Source::Lookup => {
                FollowTransition::NeedsLookup
            }
            Some(state) if state.at >= at => {
                if event == FollowEvent::Followed || self.left_at >= Some(at) {
                    return FollowTransition::None;
                }
                // What is known of a newer follow stays.
                let mut next = Self { left_at: Some(at), ..self.clone() };
                if !self.profile_fetched {
                    (next.union_id, next.details) = (None, FollowerDetails::default());
                }
                FollowTransition::To(next)
            }
            // They were erased since.
            None if self.left_at >= Some(at) => FollowTransition::None,
            _ => FollowTransition::To(self.after(event, at)),
        }
    }

    fn after(&self, event: FollowEvent, at: Timestamp) -> Self {
        let follows = event == FollowEvent::Followed;
        Self {
            state: Some(DatedState { follows, at, source: Source::Event(event) }),
            left_at: if follows { self.left_at } else { self.left_at.max(Some(at)) },
            profile_fetched: false,
            union_id: self.union_id.clone().filter(|_| follows),
            details: FollowerDetails::default(),
            version: self.version,
        }
    }

    /// The state after WeChat was asked because of an event of the second `at`; none if
    /// the answer adds nothing.
    pub fn with_profile(
        &self,
        event: FollowEvent,
        at: Timestamp,
        profile: &FetchedProfile,
    ) -> Option<Self> {
        let state = self.state?;
        let contested = state.source != Source::Event(event);
        if !contested && !profile.follows {
            // They have left again since; the event that says so is on its way.
            return None;
        }
        let source = if contested { Source::Lookup } else { state.source };
        let follows = profile.follows;
        let left = event == FollowEvent::Unfollowed;
        let union_id = profile.union_id.clone().or_else(|| self.union_id.clone());
        Some(Self {
            state: Some(DatedState { follows, at, source }),
            left_at: if left { self.left_at.max(Some(at)) } else { self.left_at },
            profile_fetched: follows,
            union_id: union_id.filter(|_| follows),
            details: if follows { profile.details.clone() } else { FollowerDetails::default() },
            version: self.version,
        })
    }

    pub(super) fn read(item: &Item) -> Self {
        let state = || {
            let source = match get_string(item, "state_from")? {
                "subscribe" => Source::Event(FollowEvent::Followed),
                "unsubscribe" => Source::Event(FollowEvent::Unfollowed),
                _ => Source::Lookup,
            };
            let (follows, at) = (get_bool(item, "follows")?, get_time(item, "state_time")?);
            Some(DatedState { follows, at, source })
        };
        Self {
            state: state(),
            left_at: get_time(item, "left_at"),
            profile_fetched: item.contains_key("profile_fetched"),
            union_id: union_id(item),
            details: follower_details(item),
            version: get_number(item, "version").unwrap_or_default(),
        }
    }

    /// The update of the profile that stores it whole, if the profile still has the
    /// version that it was made of.
    pub(super) fn write(&self, profile: Write) -> Write {
        let is_same_version = attr("version").equals(number(self.version));
        let unchanged = if self.version == 0 {
            attr("version").not_exists().or(is_same_version)
        } else {
            is_same_version
        };
        let profile = match self.state {
            Some(DatedState { follows, at, source }) => {
                profile.set("follows", boolean(follows)).set("state_time", number(at)).set(
                    "state_from",
                    string(match source {
                        Source::Event(FollowEvent::Followed) => "subscribe",
                        Source::Event(FollowEvent::Unfollowed) => "unsubscribe",
                        Source::Lookup => "lookup",
                    }),
                )
            }
            None => profile,
        };
        let union_id = self.union_id.as_ref().map(|id| string(id.as_str()));
        let details = &self.details;
        let text = |text: &Option<String>| text.as_deref().map(string);
        let tags = details.tagid_list.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        profile
            .set("version", number(self.version + 1))
            .set_or_remove("left_at", self.left_at.map(number))
            .set_or_remove("profile_fetched", self.profile_fetched.then_some(boolean(true)))
            .set_or_remove("union_id", union_id)
            .set_or_remove("scene", text(&details.subscribe_scene))
            .set_or_remove("qr_scene", details.qr_scene.map(number))
            .set_or_remove("qr_scene_str", text(&details.qr_scene_str))
            .set_or_remove("tags", (!tags.is_empty()).then(|| string(tags)))
            .set_or_remove("remark", text(&details.remark))
            .set_or_remove("language", text(&details.language))
            // The tombstone of an erased user who returns must not expire.
            .remove(["expires"])
            .when(unchanged)
    }
}

#[cfg(test)]
mod tests;
