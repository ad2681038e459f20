//! Whether a user follows an Official Account. It stands in their profile and,
//! for whoever looks for the person, in the mappings table; one transaction
//! moves both, so that they can't disagree.
//!
//! | Attribute of the profile | |
//! |---|---|
//! | `follows`, `state_time` | the state, and the second of the event that made it |
//! | `state_from` | `subscribe`, `unsubscribe`, or `lookup`: two opposite events had this second, and WeChat said what is true |
//! | `profile_fetched` | WeChat was asked who the follower is |
//! | `union_id`, `scene` | what it said; gone as soon as they leave |
//! | `left_at` | the last second in which they left: what was older is void |
//! | `version` | counts the moves, so that none is based on a state that is gone |

mod close;
mod listed;
mod several;

pub use several::FollowerUpdate;

use super::mappings::union_subject;
use super::{Item, Mappings, Users, get_number, get_string, get_time, number, string, transaction};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::wechat::id::{AppId, OpenId, UnionId};
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

/// The two tables in which a follower stands.
#[derive(Clone, Debug)]
pub struct Followers {
    /// The users table.
    pub users: Users,
    /// The mappings table.
    pub mappings: Mappings,
}

/// What an event says that the user did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowEvent {
    /// They follow from now on.
    Followed,
    /// They don't any more.
    Unfollowed,
}

/// Where a state is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Event(FollowEvent),
    /// From WeChat itself, as events of the same second contradicted each
    /// other.
    Lookup,
}

/// Whether somebody follows, as of one second of WeChat's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    follows: bool,
    at: Timestamp,
    source: Source,
}

/// What is known of one user's following.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowState {
    state: Option<State>,
    left_at: Option<Timestamp>,
    profile_fetched: bool,
    union_id: Option<UnionId>,
    scene: Option<String>,
    version: u64,
}

/// What WeChat says when it is asked about a user (`user/info`).
#[derive(Clone, Debug)]
pub struct FetchedProfile {
    /// Whether they follow at this moment.
    pub follows: bool,
    /// The person, where WeChat tells.
    pub union_id: Option<UnionId>,
    /// How they found the account.
    pub scene: Option<String>,
}

/// What an event leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowTransition {
    /// Nothing that isn't known.
    None,
    /// To a new state, which is to be stored.
    To(FollowState),
    /// To a question: WeChat has to say who the follower is, or which of two
    /// opposite events came last.
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

    /// What an event of the second `at` leads to. State moves forward in
    /// WeChat's time: an older event changes nothing but what it makes void.
    pub fn transition(&self, told: FollowEvent, at: Timestamp) -> FollowTransition {
        match self.state {
            Some(state) if state.at == at && state.source == Source::Event(told) => {
                if told == FollowEvent::Followed && !self.profile_fetched {
                    FollowTransition::NeedsLookup
                } else {
                    FollowTransition::None
                }
            }
            Some(state) if state.at == at && state.source != Source::Lookup => {
                FollowTransition::NeedsLookup
            }
            Some(state) if state.at >= at => {
                if told == FollowEvent::Followed || self.left_at >= Some(at) {
                    return FollowTransition::None;
                }
                // What is known of a newer follow stays.
                let mut next = Self { left_at: Some(at), ..self.clone() };
                if !self.profile_fetched {
                    (next.union_id, next.scene) = (None, None);
                }
                FollowTransition::To(next)
            }
            // They were forgotten since.
            None if self.left_at >= Some(at) => FollowTransition::None,
            _ => FollowTransition::To(self.moved(told, at)),
        }
    }

    fn moved(&self, told: FollowEvent, at: Timestamp) -> Self {
        let follows = told == FollowEvent::Followed;
        Self {
            state: Some(State { follows, at, source: Source::Event(told) }),
            left_at: if follows { self.left_at } else { self.left_at.max(Some(at)) },
            profile_fetched: false,
            union_id: self.union_id.clone().filter(|_| follows),
            scene: None,
            version: self.version,
        }
    }

    /// The state after WeChat was asked for the sake of an event of the second
    /// `at`; none if the answer adds nothing.
    pub fn with_user_info(
        &self,
        told: FollowEvent,
        at: Timestamp,
        explanation: &FetchedProfile,
    ) -> Option<Self> {
        let state = self.state?;
        let contested = state.source != Source::Event(told);
        if !contested && !explanation.follows {
            // They have left again since; the event that says so is on its way.
            return None;
        }
        let source = if contested { Source::Lookup } else { state.source };
        let follows = explanation.follows;
        let left = told == FollowEvent::Unfollowed;
        let union_id = explanation.union_id.clone().or_else(|| self.union_id.clone());
        Some(Self {
            state: Some(State { follows, at, source }),
            left_at: if left { self.left_at.max(Some(at)) } else { self.left_at },
            profile_fetched: follows,
            union_id: union_id.filter(|_| follows),
            scene: explanation.scene.clone().filter(|_| follows),
            version: self.version,
        })
    }

    fn read(item: &Item) -> Self {
        let state = || {
            let follows = *item.get("follows")?.as_bool().ok()?;
            let source = match get_string(item, "state_from")? {
                "subscribe" => Source::Event(FollowEvent::Followed),
                "unsubscribe" => Source::Event(FollowEvent::Unfollowed),
                _ => Source::Lookup,
            };
            Some(State { follows, at: get_time(item, "state_time")?, source })
        };
        Self {
            state: state(),
            left_at: get_time(item, "left_at"),
            profile_fetched: item.contains_key("profile_fetched"),
            union_id: get_string(item, "union_id").and_then(|id| UnionId::parse(id).ok()),
            scene: get_string(item, "scene").map(str::to_owned),
            version: get_number(item, "version").unwrap_or_default(),
        }
    }

    /// Writes it into the profile whole.
    fn update(&self, update: UpdateBuilder) -> UpdateBuilder {
        let mut set = vec!["version = :next"];
        // Who was forgotten and returns isn't to be forgotten once more.
        let mut remove = vec!["expires"];
        let mut update = update
            .expression_attribute_values(":next", number(self.version + 1))
            .expression_attribute_values(":version", number(self.version))
            .condition_expression(if self.version == 0 {
                "attribute_not_exists(version) OR version = :version"
            } else {
                "version = :version"
            });
        if let Some(State { follows, at, source }) = self.state {
            let source = match source {
                Source::Event(FollowEvent::Followed) => "subscribe",
                Source::Event(FollowEvent::Unfollowed) => "unsubscribe",
                Source::Lookup => "lookup",
            };
            set.extend(["follows = :follows", "state_time = :at", "state_from = :source"]);
            update = update
                .expression_attribute_values(":follows", AttributeValue::Bool(follows))
                .expression_attribute_values(":at", number(at))
                .expression_attribute_values(":source", string(source));
        }
        let profile_fetched = self.profile_fetched.then_some(AttributeValue::Bool(true));
        let values = [
            ("left_at", ":left_at", self.left_at.map(number)),
            ("profile_fetched", ":fetched", profile_fetched),
            ("union_id", ":union", self.union_id.as_ref().map(|id| string(id.as_str()))),
            ("scene", ":scene", self.scene.as_deref().map(string)),
        ];
        let mut assignments = Vec::new();
        for (name, placeholder, value) in values {
            match value {
                Some(value) => {
                    assignments.push(format!("{name} = {placeholder}"));
                    update = update.expression_attribute_values(placeholder, value);
                }
                None => remove.push(name),
            }
        }
        set.extend(assignments.iter().map(String::as_str));
        let mut expression = format!("SET {}", set.join(", "));
        expression.push_str(" REMOVE ");
        expression.push_str(&remove.join(", "));
        update.update_expression(expression)
    }
}

impl Followers {
    /// What is known of a user's following.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn state(&self, app_id: &AppId, open_id: &OpenId) -> Result<FollowState, AwsError> {
        let profile = self.users.profile(app_id, open_id).await?;
        Ok(profile.as_ref().map(FollowState::read).unwrap_or_default())
    }

    /// Stores `next`, which was made of `known`, and gives it as it is known from
    /// then on. None if something else was stored in the meantime: then it has
    /// to be made anew.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn store(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        known: &FollowState,
        next: FollowState,
    ) -> Result<Option<FollowState>, AwsError> {
        let table = &self.users.table;
        let items = self.items(app_id, open_id, known, &next);
        let what = table.action("storing whether a user follows");
        let stored = transaction::write(&table.dynamodb, &what, items).await?;
        Ok(stored.then(|| FollowState { version: next.version + 1, ..next }))
    }

    /// What has to be written together for one user's move: the profile first.
    fn items(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        known: &FollowState,
        next: &FollowState,
    ) -> Vec<TransactWriteItem> {
        let profile = Update::builder()
            .table_name(&self.users.table.name)
            .set_key(Some(Users::profile_key(app_id, open_id)));
        let mut items = vec![transaction::update(next.update(profile))];
        // A person who is no longer this follower doesn't follow.
        let people = [
            known.union_id.as_ref(),
            next.union_id.as_ref().filter(|next| Some(*next) != known.union_id.as_ref()),
        ];
        if let Some(state) = next.state {
            for union_id in people.into_iter().flatten() {
                let follows = state.follows && next.union_id.as_ref() == Some(union_id);
                items.push(self.mapping(union_id, app_id, open_id, follows, state.at));
            }
        }
        items
    }

    fn mapping(
        &self,
        union_id: &UnionId,
        app_id: &AppId,
        open_id: &OpenId,
        follows: bool,
        at: Timestamp,
    ) -> TransactWriteItem {
        let row = Update::builder()
            .table_name(&self.mappings.table.name)
            .key("subject", string(union_subject(union_id)))
            .key("app_id", string(app_id.as_str()))
            .update_expression("SET open_id = :open, follows = :follows, state_time = :at")
            .expression_attribute_values(":open", string(open_id.as_str()))
            .expression_attribute_values(":follows", AttributeValue::Bool(follows))
            .expression_attribute_values(":at", number(at));
        transaction::update(row)
    }
}

#[cfg(test)]
mod tests;
