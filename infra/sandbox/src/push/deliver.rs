//! Delivery: signs, encrypts and sends a push, retries it, and reads the callback's answer.

use crate::activity_feed::ActivityKind;
use crate::clock::millis_since;
use crate::context::{Context, SharedContext};
use crate::model::app::App;
use crate::model::app_settings::{AppKind, Format, Mode};
use crate::model::message::Message;
use crate::model::world::Pushing;
use crate::oddities::catalog::Oddity;
use crate::oddities::draw::Draw;
use crate::push::event::{Envelope, Event};
use crate::push::outgoing::Push;
use crate::push::passive_reply::{self, PassiveReply};
use crate::push::wire;
use reqwest::header;
use serde::Serialize;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// WeChat's line in the chat when a callback fails.
const ACCOUNT_FAILED: &str = "该公众号提供的服务出现故障，请稍后再试";
const MINI_PROGRAM_FAILED: &str = "该小程序客服暂时无法提供服务，请稍后再试";

/// The maximum delay of a receipt that comes late, in milliseconds.
const MAX_LATENESS_MS: usize = 1500;

/// The result of one delivery.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Delivery {
    /// The status of the answer, if there was one.
    pub(crate) status: Option<u16>,
    /// The body of the answer.
    pub(crate) body: String,
    pub(crate) duration_ms: u64,
    /// Whether WeChat accepts the answer.
    pub(crate) reply_valid: bool,
    /// The line of a passive reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply: Option<String>,
    /// Why the delivery failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// What was odd about the push.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) oddities: Vec<Oddity>,
}

/// The callback of an app, and the settings for the next push to it.
#[derive(Clone)]
pub(crate) struct Recipient {
    pub(crate) app: App,
    pub(crate) mode: Mode,
    pub(crate) format: Format,
    pub(crate) pushing: Pushing,
}

impl Context {
    /// The callback of this app; `None` if there is no such app.
    pub(crate) fn recipient(&self, alias: &str) -> Option<Recipient> {
        let (mut app, pushing) = self
            .read(|state| Some((state.world.app(alias)?.clone(), state.world.pushing.clone())))?;
        if app.state.key_rotation.is_stale() {
            let previous = self.change(|state| {
                state.world.apps.iter_mut().find(|it| it.alias == alias)?.take_previous()
            });
            app = previous.unwrap_or(app);
        }
        Some(Recipient { mode: app.mode, format: app.format, app, pushing })
    }

    /// Delivers a push until it is answered with status 200, and shows the outcome on the
    /// person's screen. Returns all deliveries.
    pub(crate) async fn push_now(&self, push: &Push) -> Vec<Delivery> {
        let _in_progress = self.begin_push();
        let Some(to) = self.recipient(&push.app) else { return Vec::new() };
        let envelope = Envelope {
            to: to.app.original_id.clone(),
            from: push.open_id.clone(),
            create_time: push.create_time,
        };
        let mut draw = self.draw_for_push(&push.app, &push.event);
        let mut deliveries = Vec::new();
        let mut reply = Err(());
        while deliveries.len() < usize::try_from(to.pushing.deliveries.max(1)).unwrap_or(1) {
            let (delivery, read) = self.deliver(&to, &envelope, &push.event, &draw).await;
            let answered = delivery.status == Some(200);
            deliveries.push(delivery);
            reply = read.map_err(|_| ());
            // WeChat shows an invalid answer as a failure; it does not deliver again.
            if answered {
                break;
            }
        }
        self.show(push, &to, reply);
        // WeChat shows nothing of the answers to these copies.
        if deliveries.last().is_some_and(|it| it.status == Some(200)) {
            let again = u32::from(draw.applies(Oddity::PushedTwice));
            for _ in 1..to.pushing.copies + again + push.repeats {
                deliveries.push(self.deliver(&to, &envelope, &push.event, &draw).await.0);
            }
        }
        self.record_deliveries(draw, &push.event, &deliveries);
        deliveries
    }

    /// Draws the oddities of a push.
    pub(crate) fn draw_for_push(&self, app: &str, event: &Event) -> Draw {
        self.change_unsaved(|state| state.oddities.draw_for_push(app, event.label()))
    }

    /// Counts the oddities of a push, which each of its deliveries has.
    pub(crate) fn record_deliveries(&self, mut draw: Draw, event: &Event, of: &[Delivery]) {
        draw.merge(of.first().map_or(&[], |first| &first.oddities));
        self.change_unsaved(|state| state.oddities.record(&draw, event.label()));
    }

    /// Delivers once. What the draw says is applied to a copy of it, so that each delivery of
    /// a message is the same.
    pub(crate) async fn deliver(
        &self,
        to: &Recipient,
        envelope: &Envelope,
        event: &Event,
        draw: &Draw,
    ) -> (Delivery, Result<PassiveReply, String>) {
        let _in_progress = self.begin_push();
        let mut draw = draw.clone();
        let start = Instant::now();
        let activity = self.record_delivery(to, envelope, event);
        let answer = self.post(to, envelope, event, &mut draw).await;
        let duration_ms = millis_since(start);
        let (status, body, reply) = match answer {
            Ok((status @ 200, body)) => {
                let reply = passive_reply::read(&body, &to.app, to.mode, to.format, &envelope.from);
                (Some(status), body, reply)
            }
            Ok((status, body)) => {
                (Some(status), body, Err(format!("answered with status {status}")))
            }
            Err(error) => (None, Vec::new(), Err(error)),
        };
        let body = String::from_utf8_lossy(&body).into_owned();
        if let Err(error) = &reply {
            tracing::warn!(
                app = to.app.alias,
                event = event.name,
                status,
                error,
                "the callback failed"
            );
        }
        let line = reply.as_ref().ok().and_then(|reply| match reply {
            PassiveReply::Line(line) => Some(line.clone()),
            PassiveReply::Nothing | PassiveReply::Transferred => None,
        });
        let error = reply.as_ref().err().cloned();
        let reply_valid = error.is_none();
        let oddities = draw.applied().to_vec();
        let delivery =
            Delivery { status, body, duration_ms, reply_valid, reply: line, error, oddities };
        self.feed.update(ActivityKind::Callback, &activity, |facts| {
            facts.insert("status".to_owned(), delivery.status.into());
            facts.insert("duration_ms".to_owned(), delivery.duration_ms.into());
            facts.insert("reply_valid".to_owned(), delivery.reply_valid.into());
            facts.insert("reply".to_owned(), delivery.reply.clone().into());
            facts.insert("error".to_owned(), delivery.error.clone().into());
        });
        (delivery, reply)
    }

    /// Records a delivery in the activity feed, and returns its id there.
    fn record_delivery(&self, to: &Recipient, envelope: &Envelope, event: &Event) -> String {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed).to_string();
        let alias = &to.app.alias;
        let person = self.read(|state| {
            let at = state.world.person_by_open_id(alias, &envelope.from)?;
            Some(state.world.people[at].name.clone())
        });
        self.feed.record(ActivityKind::Callback, &id, |facts| {
            facts.insert("app".to_owned(), alias.as_str().into());
            facts.insert("person".to_owned(), person.into());
            facts.insert("event".to_owned(), event.label().into());
            facts.insert("mode".to_owned(), json!(to.mode));
            facts.insert("format".to_owned(), json!(to.format));
            facts.insert("create_time".to_owned(), envelope.create_time.into());
        });
        id
    }

    async fn post(
        &self,
        to: &Recipient,
        envelope: &Envelope,
        event: &Event,
        draw: &mut Draw,
    ) -> Result<(u16, Vec<u8>), String> {
        let (query, body) = wire::write(to, envelope, event, draw)?;
        let url = format!("{}?{query}", to.app.callback_url(&self.callback_base));
        let timeout = Duration::from_millis(to.pushing.timeout_ms);
        let exchange = async {
            // WeChat sends this content type with JSON as well.
            let request = self
                .http
                .post(url)
                .header(header::CONTENT_TYPE, "text/xml")
                .header(header::USER_AGENT, "Mozilla/4.0")
                .header(header::ACCEPT, "*/*")
                .header(header::PRAGMA, "no-cache")
                .body(body);
            let response = request.send().await.map_err(|error| describe_error(&error))?;
            let status = response.status().as_u16();
            let body = response.bytes().await.map_err(|error| describe_error(&error))?;
            Ok((status, body.to_vec()))
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} ms", timeout.as_millis())),
        }
    }

    /// Shows the outcome of a push on the person's screen.
    fn show(&self, push: &Push, to: &Recipient, reply: Result<PassiveReply, ()>) {
        let (kind, line) = match reply {
            Ok(PassiveReply::Line(line)) if allows_reply(&push.event) => ("passive_reply", line),
            Ok(_) => return,
            Err(()) if push.event.is_awaited() => match to.app.kind {
                AppKind::OfficialAccount => ("system", ACCOUNT_FAILED.to_owned()),
                AppKind::MiniProgram => ("system", MINI_PROGRAM_FAILED.to_owned()),
            },
            Err(()) => return,
        };
        self.change(|state| {
            let now = state.world.now();
            if let Some(person) = state.world.person_by_open_id(&push.app, &push.open_id) {
                state.world.people[person].show(Message::line(&push.app, kind, line, now));
            }
        });
    }
}

/// Pushes what a send causes in the background, in order, after a delay, as WeChat pushes the
/// receipt of a send.
pub(crate) fn push_later(context: &SharedContext, mut pushes: Vec<Push>, draw: &mut Draw) {
    if pushes.is_empty() {
        return;
    }
    let in_progress = context.begin_push();
    let mut delay =
        context.read(|state| Duration::from_millis(state.world.pushing.receipt_delay_ms));
    draw.try_to(Oddity::ReceiptLate, |random| {
        delay += Duration::from_millis(random.below(MAX_LATENESS_MS).try_into().unwrap_or(0));
        true
    });
    if draw.applies(Oddity::ReceiptTwice) {
        pushes.iter_mut().for_each(|push| push.repeats = 1);
    }
    let this = context.clone();
    context.spawn(async move {
        let _in_progress = in_progress;
        tokio::time::sleep(delay).await;
        this.push_all(&pushes).await;
    });
}

/// Whether a passive reply to this event appears: not after an unfollow or a receipt.
fn allows_reply(event: &Event) -> bool {
    event.kind != "event"
        || !(event.name.eq_ignore_ascii_case("unsubscribe")
            || event.name.to_ascii_uppercase().ends_with("JOBFINISH")
            || event.name.starts_with("subscribe_msg_"))
}

/// Describes a failed request without its URL.
pub(crate) fn describe_error(error: &reqwest::Error) -> String {
    let what = if error.is_connect() {
        "could not connect to the callback"
    } else {
        "the connection broke"
    };
    let cause =
        std::iter::successors(std::error::Error::source(error), |error| error.source()).last();
    cause.map_or_else(|| what.to_owned(), |cause| format!("{what}: {cause}"))
}
