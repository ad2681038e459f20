//! What people do with their phones.

use crate::app::{App, Kind, Template, TemplateKind};
use crate::control::Problem;
use crate::custom::{self, Opener};
use crate::event::{Event, Field};
use crate::message::Message;
use crate::person::{Follow, Person, Relation};
use crate::phone::{self, PhoneNumber};
use crate::push::Push;
use crate::world::World;
use crate::{legacy_template, login, random, subscribe};
use serde::Deserialize;
use serde_json::{Value, json};

/// What somebody may do, and with what.
pub(crate) const ACTIONS: &str = "follow, unfollow, scan, message, click, enter, consent, withdraw, submit, login, phone, block, read";

/// What an action takes; each takes some of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Action {
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

/// What an action led to.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// What the answer says besides `ok` and `pushes`.
    pub(crate) more: serde_json::Map<String, Value>,
    /// What the callback is told, in order.
    pub(crate) pushes: Vec<Push>,
}

impl Action {
    /// Nothing but where.
    pub(crate) fn in_app(alias: &str) -> Self {
        Self { app: Some(alias.to_owned()), ..Self::default() }
    }
}

impl Done {
    fn unchanged() -> Self {
        Self {
            more: [("changed".to_owned(), Value::from(false))].into_iter().collect(),
            pushes: Vec::new(),
        }
    }
}

/// Somebody new: `name` isn't taken.
pub(crate) fn join(world: &mut World, name: &str) -> Result<Value, Problem> {
    let no_path = name == "." || name == "..";
    if name.is_empty()
        || name.len() > 64
        || no_path
        || name.chars().any(|c| c.is_control() || c == '/')
    {
        return Err(Problem::bad(
            "name must be 1 to 64 bytes without / or control characters, and not . or ..",
        ));
    }
    if world.person(name).is_some() {
        return Err(Problem::bad(format!("there is already somebody called {name}")));
    }
    world.people.push(Person::new(name));
    world.acquaint();
    let person = world.person(name).ok_or_else(|| Problem::bad("nobody was added"))?;
    let open_ids: serde_json::Map<_, _> =
        person.relations.iter().map(|(app, it)| (app.clone(), json!(it.open_id))).collect();
    Ok(json!({ "ok": true, "name": name, "open_ids": open_ids, "union_ids": person.union_ids }))
}

/// Somebody does something.
pub(crate) fn act(
    world: &mut World,
    name: &str,
    action: &str,
    with: &Action,
) -> Result<Done, Problem> {
    let now = world.now();
    let person = find_person(world, name)?;
    if !ACTIONS.split(", ").any(|known| known == action) {
        return Err(Problem::missing(format!("no action {action:?}; there are: {ACTIONS}")));
    }
    if action == "read" {
        let chat = with.chat.as_deref();
        let chat = chat.ok_or_else(|| Problem::wants("chat", "an app's alias, or 服务通知"))?;
        world.people[person].unread.remove(chat);
        return Ok(Done::default());
    }
    let alias = with.app.as_deref().ok_or_else(|| Problem::wants("app", "the alias of an app"))?;
    let app = find_app(world, alias)?;
    let message_id = world.message_id();
    // Three fields of one world, borrowed apart from each other.
    let World { apps, people, .. } = world;
    let (app, person) = (&mut apps[app], &mut people[person]);
    let relation = person.relations.entry(app.alias.clone()).or_insert_with(Relation::stranger);
    let on = Acting { app, relation, now };

    let mut done = match action {
        "follow" => on.follow(None),
        "scan" => {
            let scene = match &with.scene {
                Some(Value::String(scene)) if !scene.is_empty() && scene.len() <= 64 => {
                    scene.clone()
                }
                Some(Value::Number(scene)) => scene.to_string(),
                _ => {
                    return Err(Problem::wants(
                        "scene",
                        "a number, or a text of up to 64 characters",
                    ));
                }
            };
            on.scan(&scene)
        }
        "unfollow" => on.unfollow(),
        "click" => on
            .click(with.key.as_deref().ok_or_else(|| Problem::wants("key", "a menu entry's key"))?),
        "enter" => on.enter(with.session_from.as_deref().unwrap_or_default()),
        "message" => {
            let text = with.text.as_deref().filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| Problem::wants("text", "what the message says"))?;
            let done = on.message(text, message_id)?;
            person.show(Message::line(alias, "sent", text, now));
            Ok(done)
        }
        "consent" => {
            let template = with.template_id.as_deref();
            let template = template
                .ok_or_else(|| Problem::wants("template_id", "a template's id or title"))?;
            let accept = with.accept.ok_or_else(|| Problem::wants("accept", "true or false"))?;
            on.consent(template, accept, with.popup_scene)
        }
        "withdraw" => {
            let template = with.template_id.as_deref();
            on.withdraw(
                template
                    .ok_or_else(|| Problem::wants("template_id", "a template's id or title"))?,
            )
        }
        "submit" => on.submit(),
        "login" => on.login(name),
        "phone" => {
            on.only(Kind::MiniProgram, "phone")?;
            if let Some(number) = &with.number {
                person.phone = PhoneNumber::read(number, with.country_code.as_deref())?;
            }
            let code = phone::issue(on.app, name, now);
            Ok(Done {
                more: [("code".to_owned(), Value::from(code))].into_iter().collect(),
                pushes: Vec::new(),
            })
        }
        _ => on.block(with.blocked.unwrap_or(true)),
    }?;
    // What happens while nobody listens is told to nobody.
    if with.silently.unwrap_or_default() {
        done.pushes.clear();
    }
    Ok(done)
}

/// Where in `people` the one with this name is.
pub(crate) fn find_person(world: &World, name: &str) -> Result<usize, Problem> {
    world.people.iter().position(|person| person.name == name).ok_or_else(|| {
        let names: Vec<_> = world.people.iter().map(|person| person.name.as_str()).collect();
        Problem::missing(format!("nobody is called {name:?}; there are: {}", names.join(", ")))
    })
}

/// Where in `apps` the one with this alias is.
pub(crate) fn find_app(world: &World, alias: &str) -> Result<usize, Problem> {
    world.apps.iter().position(|app| app.alias == alias).ok_or_else(|| {
        let aliases: Vec<_> = world.apps.iter().map(|app| app.alias.as_str()).collect();
        Problem::missing(format!("no app {alias:?}; there are: {}", aliases.join(", ")))
    })
}

/// Somebody who does something in an app.
struct Acting<'a> {
    app: &'a mut App,
    relation: &'a mut Relation,
    now: i64,
}

impl Acting<'_> {
    fn only(&self, kind: Kind, action: &str) -> Result<(), Problem> {
        if self.app.kind == kind {
            return Ok(());
        }
        let what = match kind {
            Kind::OfficialAccount => "an Official Account",
            Kind::MiniProgram => "a Mini Program",
        };
        Err(Problem::bad(format!("{action} needs {what}, which {} is not", self.app.alias)))
    }

    fn only_followers(&self, action: &str) -> Result<(), Problem> {
        if self.relation.follows.is_some() {
            return Ok(());
        }
        Err(Problem::bad(format!(
            "{action} is for followers of {}: let them follow first",
            self.app.alias
        )))
    }

    fn push(&self, at: i64, event: Event) -> Push {
        Push::new(&self.app.alias, self.relation.open_id.as_str(), at, event)
    }

    fn told(&self, at: i64, event: Event) -> Done {
        Done { pushes: vec![self.push(at, event)], ..Done::default() }
    }

    fn follow(self, scene: Option<&str>) -> Result<Done, Problem> {
        self.only(Kind::OfficialAccount, "follow")?;
        if self.relation.follows.is_some() {
            return Ok(Done::unchanged());
        }
        let at = self.relation.act(self.now);
        self.relation.follows = Some(Follow { since: at, scene: scene.map(str::to_owned) });
        custom::open(self.relation, Opener::Follow, at);
        // Real packets carry an empty EventKey where there was no QR code.
        let mut event = Event::new("subscribe").with("EventKey", Field::text(""));
        if let Some(scene) = scene {
            event =
                Event::new("subscribe").with("EventKey", Field::text(format!("qrscene_{scene}")));
            event = event.with("Ticket", Field::text(ticket()));
        }
        Ok(self.told(at, event))
    }

    fn scan(self, scene: &str) -> Result<Done, Problem> {
        self.only(Kind::OfficialAccount, "scan")?;
        if self.relation.follows.is_none() {
            return self.follow(Some(scene));
        }
        let at = self.relation.act(self.now);
        custom::open(self.relation, Opener::Scan, at);
        let event = Event::new("SCAN")
            .with("EventKey", Field::text(scene))
            .with("Ticket", Field::text(ticket()));
        Ok(self.told(at, event))
    }

    fn unfollow(self) -> Result<Done, Problem> {
        self.only(Kind::OfficialAccount, "unfollow")?;
        if self.relation.follows.take().is_none() {
            return Ok(Done::unchanged());
        }
        let at = self.relation.act(self.now);
        // Who comes back later begins anew.
        self.relation.windows.clear();
        self.relation.blocks = false;
        Ok(self.told(at, Event::new("unsubscribe").with("EventKey", Field::text(""))))
    }

    fn click(self, key: &str) -> Result<Done, Problem> {
        self.only(Kind::OfficialAccount, "click")?;
        self.only_followers("click")?;
        let at = self.relation.act(self.now);
        custom::open(self.relation, Opener::Click, at);
        Ok(self.told(at, Event::new("CLICK").with("EventKey", Field::text(key))))
    }

    fn enter(self, session_from: &str) -> Result<Done, Problem> {
        self.only(Kind::MiniProgram, "enter")?;
        let at = self.relation.act(self.now);
        custom::open(self.relation, Opener::Enter, at);
        Ok(self.told(
            at,
            Event::new("user_enter_tempsession").with("SessionFrom", Field::text(session_from)),
        ))
    }

    fn message(self, text: &str, id: i64) -> Result<Done, Problem> {
        if self.app.kind == Kind::OfficialAccount {
            self.only_followers("message")?;
        }
        let at = self.relation.act(self.now);
        custom::open(self.relation, Opener::Message, at);
        self.relation.exchanged_at = Some(at);
        let event = Event::message("text")
            .with("Content", Field::text(text))
            .with("MsgId", Field::Number(id.into()));
        Ok(self.told(at, event))
    }

    /// One of the app's subscription templates, by its id or its title.
    fn subscription(&self, template: &str) -> Result<&Template, Problem> {
        let templates = || self.app.templates.iter().filter(|it| it.kind.is_subscription());
        templates().find(|it| it.template_id == template || it.title == template).ok_or_else(|| {
            let known: Vec<_> =
                templates().map(|it| format!("{} ({})", it.template_id, it.title)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Problem::missing(format!(
                "no subscription template {template:?} in {}; there are: {known}",
                self.app.alias
            ))
        })
    }

    /// A Mini Program asks in its own pages; an Official Account in web pages and
    /// articles, where also those who don't follow are asked.
    fn consent(
        self,
        template: &str,
        accept: bool,
        popup_scene: Option<u8>,
    ) -> Result<Done, Problem> {
        let found = self.subscription(template)?;
        let (usual, scenes) = match self.app.kind {
            Kind::MiniProgram => (0, 0..=0),
            Kind::OfficialAccount => (1, 1..=2),
        };
        let popup_scene = popup_scene.unwrap_or(usual);
        if !scenes.contains(&popup_scene) {
            return Err(Problem::bad(
                "popup_scene must be 0 in a Mini Program; 1 (a web page) or 2 (an article) in an \
                 Official Account",
            ));
        }
        let id = found.template_id.clone();
        let long_term = found.kind == TemplateKind::LongTerm;
        let left = self.relation.consents.entry(id.clone()).or_default();
        match (long_term, accept) {
            (true, accept) => *left = u32::from(accept),
            (false, true) => *left = left.saturating_add(1),
            // What was consented to before stays.
            (false, false) => {}
        }
        let left = *left;
        let at = self.relation.act(self.now);
        let mut done = self.told(at, subscribe::asked(&id, accept, popup_scene));
        done.more.insert("template_id".to_owned(), id.into());
        done.more.insert("left".to_owned(), left.into());
        Ok(done)
    }

    /// Turns one template off in the settings: no consent to it is left.
    fn withdraw(self, template: &str) -> Result<Done, Problem> {
        let id = self.subscription(template)?.template_id.clone();
        if self.relation.consents.remove(&id).is_none_or(|left| left == 0) {
            return Ok(Done::unchanged());
        }
        let at = self.relation.act(self.now);
        Ok(self.told(at, subscribe::turned_off(std::iter::once(&id))))
    }

    /// Submits a form, which only the Mini Program's own page hears of.
    fn submit(self) -> Result<Done, Problem> {
        self.only(Kind::MiniProgram, "submit")?;
        let open_id = self.relation.open_id.as_str();
        let form_id = legacy_template::submit(&mut self.app.forms, open_id, self.now);
        Ok(Done {
            more: [("form_id".to_owned(), Value::from(form_id))].into_iter().collect(),
            pushes: Vec::new(),
        })
    }

    fn login(self, name: &str) -> Result<Done, Problem> {
        self.only(Kind::MiniProgram, "login")?;
        let code = login::issue(self.app, name, self.now);
        Ok(Done {
            more: [("code".to_owned(), Value::from(code))].into_iter().collect(),
            pushes: Vec::new(),
        })
    }

    /// Of a Mini Program this means its switch in the settings of notifications,
    /// and the app is told; an Official Account learns it from its receipts.
    fn block(self, blocked: bool) -> Result<Done, Problem> {
        if self.relation.blocks == blocked {
            return Ok(Done::unchanged());
        }
        self.relation.blocks = blocked;
        if self.app.kind == Kind::OfficialAccount || !blocked || self.relation.consents.is_empty() {
            return Ok(Done::default());
        }
        let at = self.relation.act(self.now);
        Ok(self.told(at, subscribe::turned_off(self.relation.consents.keys())))
    }
}

/// A QR code's ticket.
fn ticket() -> String {
    format!("gQ{}", random::text(94))
}
