//! What people do on their phones.

use crate::control::error::ControlError;
use crate::control::lookup::{find_app_index, find_person, require_kind};
use crate::model::app::App;
use crate::model::app_settings::AppKind;
use crate::model::forms;
use crate::model::message::Message;
use crate::model::person::{Follow, Relation};
use crate::model::phone_number::PhoneNumber;
use crate::model::reply_window::WindowTrigger;
use crate::model::template::{Template, TemplateKind};
use crate::model::world::World;
use crate::push::event::{Event, Field};
use crate::push::outgoing::Push;
use crate::push::subscription_events;
use crate::random;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The actions, as an error lists them.
const ACTIONS: &str = "follow, unfollow, scan, message, click, enter, consent, withdraw, submit, login, phone, block, read";
/// Maximum length of a QR code's scene.
const MAX_SCENE_BYTES: usize = 64;

/// The parameters of all actions; each action uses some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActionParameters {
    app: Option<String>,
    scene: Option<Value>,
    text: Option<String>,
    key: Option<String>,
    session_from: Option<String>,
    template_id: Option<String>,
    accept: Option<bool>,
    popup_scene: Option<u8>,
    blocked: Option<bool>,
    number: Option<String>,
    silently: Option<bool>,
    chat: Option<String>,
    country_code: Option<String>,
}

/// The outcome of an action.
#[derive(Debug, Default)]
pub(crate) struct ActionOutcome {
    /// The fields of the answer besides `ok` and `pushes`.
    pub(crate) answer: Map<String, Value>,
    /// The pushes to the callback, in order.
    pub(crate) pushes: Vec<Push>,
}

impl ActionOutcome {
    fn unchanged() -> Self {
        Self::field("changed", false)
    }

    fn field(name: &str, value: impl Into<Value>) -> Self {
        Self { answer: Map::from_iter([(name.to_owned(), value.into())]), pushes: Vec::new() }
    }
}

/// The value of a required parameter.
fn required<'a>(
    value: Option<&'a String>,
    name: &str,
    what: &str,
) -> Result<&'a str, ControlError> {
    value.map(String::as_str).ok_or_else(|| ControlError::missing_field(name, what))
}

/// A person performs an action.
pub(crate) fn act(
    world: &mut World,
    name: &str,
    action: &str,
    parameters: &ActionParameters,
) -> Result<ActionOutcome, ControlError> {
    let now = world.now();
    let person = find_person(world, name)?;
    if !ACTIONS.split(", ").any(|known| known == action) {
        return Err(ControlError::not_found(format!("no action {action:?}; there are: {ACTIONS}")));
    }
    if action == "read" {
        let chat = required(parameters.chat.as_ref(), "chat", "an app's alias, or 服务通知")?;
        world.people[person].unread.remove(chat);
        return Ok(ActionOutcome::default());
    }
    let alias = required(parameters.app.as_ref(), "app", "the alias of an app")?;
    let app = find_app_index(world, alias)?;
    let message_id = world.message_id();
    // Borrowed separately: the action changes the app, the person and their relation.
    let World { apps, people, .. } = world;
    let (app, person) = (&mut apps[app], &mut people[person]);
    let relation = person.relations.entry(app.alias.clone()).or_insert_with(Relation::new);
    let actor = Actor { app, relation, now };

    let template =
        || required(parameters.template_id.as_ref(), "template_id", "a template's id or title");
    let mut outcome = match action {
        "follow" => actor.follow(None),
        "scan" => {
            let scene = match &parameters.scene {
                Some(Value::String(scene)) if (1..=MAX_SCENE_BYTES).contains(&scene.len()) => {
                    scene.clone()
                }
                Some(Value::Number(scene)) => scene.to_string(),
                _ => {
                    return Err(ControlError::missing_field(
                        "scene",
                        "a number, or a text of up to 64 characters",
                    ));
                }
            };
            actor.scan(&scene)
        }
        "unfollow" => actor.unfollow(),
        "click" => {
            actor.click(required(parameters.key.as_ref(), "key", "the key of a menu entry")?)
        }
        "enter" => actor.enter(parameters.session_from.as_deref().unwrap_or_default()),
        "message" => {
            let text = parameters.text.as_ref().filter(|text| !text.is_empty());
            let text = required(text, "text", "the text of the message")?;
            let outcome = actor.message(text, message_id)?;
            person.show(Message::line(alias, "sent", text, now));
            Ok(outcome)
        }
        "consent" => {
            let accept = parameters
                .accept
                .ok_or_else(|| ControlError::missing_field("accept", "true or false"));
            actor.consent(template()?, accept?, parameters.popup_scene)
        }
        "withdraw" => actor.withdraw(template()?),
        "submit" => actor.submit(),
        "login" => {
            require_kind(actor.app, AppKind::MiniProgram, "login")?;
            Ok(ActionOutcome::field("code", actor.app.issue_login_code(name, now)))
        }
        "phone" => {
            require_kind(actor.app, AppKind::MiniProgram, "phone")?;
            if let Some(number) = &parameters.number {
                person.phone = PhoneNumber::parse(number, parameters.country_code.as_deref())
                    .ok_or_else(|| {
                        ControlError::missing_field("number", "digits, and country_code as well")
                    })?;
            }
            Ok(ActionOutcome::field("code", actor.app.issue_phone_code(name, now)))
        }
        _ => actor.block(parameters.blocked.unwrap_or(true)),
    }?;
    if parameters.silently.unwrap_or_default() {
        outcome.pushes.clear();
    }
    Ok(outcome)
}

/// A person in an app.
struct Actor<'a> {
    app: &'a mut App,
    relation: &'a mut Relation,
    now: i64,
}

impl Actor<'_> {
    fn require_follower(&self, action: &str) -> Result<(), ControlError> {
        if self.relation.follows.is_some() {
            return Ok(());
        }
        Err(ControlError::bad_request(format!(
            "{action} is for followers of {}: let them follow first",
            self.app.alias
        )))
    }

    fn pushed(&self, at: i64, event: Event) -> ActionOutcome {
        let push = Push::new(&self.app.alias, self.relation.open_id.as_str(), at, event);
        ActionOutcome { pushes: vec![push], ..ActionOutcome::default() }
    }

    fn follow(self, scene: Option<&str>) -> Result<ActionOutcome, ControlError> {
        require_kind(self.app, AppKind::OfficialAccount, "follow")?;
        if self.relation.follows.is_some() {
            return Ok(ActionOutcome::unchanged());
        }
        let at = self.relation.next_event_time(self.now);
        self.relation.follows = Some(Follow { since: at, scene: scene.map(str::to_owned) });
        self.relation.open_window(WindowTrigger::Follow, at);
        let event = Event::new("subscribe");
        let event = match scene {
            Some(scene) => event
                .with("EventKey", Field::text(format!("qrscene_{scene}")))
                .with("Ticket", Field::text(ticket())),
            // WeChat sends an empty EventKey where there was no QR code.
            None => event.with("EventKey", Field::text("")),
        };
        Ok(self.pushed(at, event))
    }

    fn scan(self, scene: &str) -> Result<ActionOutcome, ControlError> {
        require_kind(self.app, AppKind::OfficialAccount, "scan")?;
        if self.relation.follows.is_none() {
            return self.follow(Some(scene));
        }
        let at = self.relation.next_event_time(self.now);
        self.relation.open_window(WindowTrigger::Scan, at);
        let event = Event::new("SCAN")
            .with("EventKey", Field::text(scene))
            .with("Ticket", Field::text(ticket()));
        Ok(self.pushed(at, event))
    }

    fn unfollow(self) -> Result<ActionOutcome, ControlError> {
        require_kind(self.app, AppKind::OfficialAccount, "unfollow")?;
        if self.relation.follows.take().is_none() {
            return Ok(ActionOutcome::unchanged());
        }
        let at = self.relation.next_event_time(self.now);
        // Nothing carries over to a later follow.
        self.relation.windows.clear();
        self.relation.blocks = false;
        Ok(self.pushed(at, Event::new("unsubscribe").with("EventKey", Field::text(""))))
    }

    fn click(self, key: &str) -> Result<ActionOutcome, ControlError> {
        require_kind(self.app, AppKind::OfficialAccount, "click")?;
        self.require_follower("click")?;
        let at = self.relation.next_event_time(self.now);
        self.relation.open_window(WindowTrigger::Click, at);
        Ok(self.pushed(at, Event::new("CLICK").with("EventKey", Field::text(key))))
    }

    fn enter(self, session_from: &str) -> Result<ActionOutcome, ControlError> {
        require_kind(self.app, AppKind::MiniProgram, "enter")?;
        let at = self.relation.next_event_time(self.now);
        self.relation.open_window(WindowTrigger::Enter, at);
        let event = Event::new("user_enter_tempsession");
        Ok(self.pushed(at, event.with("SessionFrom", Field::text(session_from))))
    }

    fn message(self, text: &str, id: i64) -> Result<ActionOutcome, ControlError> {
        if self.app.kind == AppKind::OfficialAccount {
            self.require_follower("message")?;
        }
        let at = self.relation.next_event_time(self.now);
        self.relation.open_window(WindowTrigger::Message, at);
        self.relation.last_chat_at = Some(at);
        let event = Event::message("text")
            .with("Content", Field::text(text))
            .with("MsgId", Field::Number(id.into()));
        Ok(self.pushed(at, event))
    }

    /// One of the app's subscription templates, by id or title.
    fn subscription_template(&self, template: &str) -> Result<&Template, ControlError> {
        let templates = || self.app.templates.iter().filter(|it| it.kind.is_subscription());
        templates().find(|it| it.template_id == template || it.title == template).ok_or_else(|| {
            let known: Vec<_> =
                templates().map(|it| format!("{} ({})", it.template_id, it.title)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            ControlError::not_found(format!(
                "no subscription template {template:?} in {}; there are: {known}",
                self.app.alias
            ))
        })
    }

    /// Answers a request for consent. A Mini Program asks on its own pages; an Official Account
    /// asks on web pages and in articles, which people who do not follow can see as well.
    fn consent(
        self,
        template: &str,
        accept: bool,
        popup_scene: Option<u8>,
    ) -> Result<ActionOutcome, ControlError> {
        let template = self.subscription_template(template)?;
        let (default, scenes) = match self.app.kind {
            AppKind::MiniProgram => (0, 0..=0),
            AppKind::OfficialAccount => (1, 1..=2),
        };
        let popup_scene = popup_scene.unwrap_or(default);
        if !scenes.contains(&popup_scene) {
            return Err(ControlError::bad_request(
                "popup_scene must be 0 in a Mini Program; 1 (a web page) or 2 (an article) in an \
                 Official Account",
            ));
        }
        let id = template.template_id.clone();
        let long_term = template.kind == TemplateKind::LongTerm;
        let left = self.relation.consents.entry(id.clone()).or_default();
        match (long_term, accept) {
            (true, accept) => *left = u32::from(accept),
            (false, true) => *left = left.saturating_add(1),
            // A rejection keeps earlier consents.
            (false, false) => {}
        }
        let left = *left;
        let at = self.relation.next_event_time(self.now);
        let mut outcome = self.pushed(at, subscription_events::answered(&id, accept, popup_scene));
        outcome.answer.insert("template_id".to_owned(), id.into());
        outcome.answer.insert("left".to_owned(), left.into());
        Ok(outcome)
    }

    /// Turns one template off in the settings, which withdraws all consents to it.
    fn withdraw(self, template: &str) -> Result<ActionOutcome, ControlError> {
        let id = self.subscription_template(template)?.template_id.clone();
        if self.relation.consents.remove(&id).is_none_or(|left| left == 0) {
            return Ok(ActionOutcome::unchanged());
        }
        let at = self.relation.next_event_time(self.now);
        Ok(self.pushed(at, subscription_events::turned_off(std::iter::once(&id))))
    }

    /// Submits a form. Only the Mini Program's page gets the form id; WeChat pushes nothing.
    fn submit(self) -> Result<ActionOutcome, ControlError> {
        require_kind(self.app, AppKind::MiniProgram, "submit")?;
        let open_id = self.relation.open_id.as_str();
        let form_id = forms::submit(&mut self.app.state.forms, open_id, self.now);
        Ok(ActionOutcome::field("form_id", form_id))
    }

    /// Turns the app's messages off or on. For a Mini Program this is a switch in the
    /// notification settings, which pushes an event; an Official Account learns of it from its
    /// receipts.
    fn block(self, blocked: bool) -> Result<ActionOutcome, ControlError> {
        if self.relation.blocks == blocked {
            return Ok(ActionOutcome::unchanged());
        }
        self.relation.blocks = blocked;
        if self.app.kind == AppKind::OfficialAccount
            || !blocked
            || self.relation.consents.is_empty()
        {
            return Ok(ActionOutcome::default());
        }
        let at = self.relation.next_event_time(self.now);
        Ok(self.pushed(at, subscription_events::turned_off(self.relation.consents.keys())))
    }
}

/// The ticket of a QR code.
fn ticket() -> String {
    format!("gQ{}", random::text(94))
}
