//! Our answers, and the steps of which they consist.

use crate::corpus::{self, Case, Delivery, Mode, NOW};
use rustix::time::{ClockId, clock_gettime};
use shared::secret::Secret;
use shared::wechat::callback::{self, Callback, DEFAULT_WINDOW, DecryptedPush, Query};
use shared::wechat::crypto;
use shared::wechat::envelope;
use shared::wechat::push::{Message, Push, PushKind};
use shared::wechat::reply::Reply;
use shared::wechat::signature;
use std::hint::black_box;
use std::time::Duration;

/// An app whose pushes come in one mode.
pub(crate) struct Ours {
    callback: Callback,
}

/// An app with encrypted pushes.
pub(crate) fn safe() -> Ours {
    Ours::new(callback::EncryptionMode::Safe)
}

/// An app with plaintext pushes.
pub(crate) fn plain() -> Ours {
    Ours::new(callback::EncryptionMode::Plaintext)
}

impl Ours {
    /// An app in the mode of this case.
    pub(crate) fn for_case(case: &Case) -> Self {
        if case.mode == Mode::Plain { plain() } else { safe() }
    }

    fn new(mode: callback::EncryptionMode) -> Self {
        let callback = Callback {
            app_id: corpus::app_id(),
            mode,
            tokens: vec![Secret::new(corpus::TOKEN)],
            aes_keys: vec![corpus::key()],
            window: DEFAULT_WINDOW,
        };
        Self { callback }
    }

    /// Does what the callback function does with a request, except storing the event.
    pub(crate) fn handle<'q>(
        &self,
        is_url_verification: bool,
        query: impl Iterator<Item = (&'q str, &'q str)>,
        body: &str,
    ) -> Result<String, String> {
        let query = Query::read(query).map_err(|error| error.to_string())?;
        if is_url_verification {
            let echo = self.callback.verify_url(&query, NOW).map_err(|error| error.to_string())?;
            return Ok(echo.to_owned());
        }
        let opened = self.open(&query, body)?;
        let push = read(&opened)?;
        let written = reply(&push)?.write(&push, NOW);
        Ok(match &opened.reply_cipher {
            Some(cipher) => cipher.encrypt(&written, push.format, NOW),
            None => written,
        })
    }

    /// Answers a delivery.
    pub(crate) fn answer(&self, case: &Case, delivery: &Delivery) -> Result<String, String> {
        self.handle(case.mode == Mode::UrlVerification, delivery.pairs(), &delivery.body)
    }

    fn open(&self, query: &Query, body: &str) -> Result<DecryptedPush, String> {
        self.callback.decrypt(query, body.as_bytes(), NOW).map_err(|error| error.to_string())
    }

    /// Messages per second, over this many seconds of processor time.
    pub(crate) fn rate(&self, case: &Case, seconds: f64) -> f64 {
        let begin = processor_secs();
        let mut answered = 0;
        loop {
            for delivery in &case.deliveries {
                let _ = black_box(self.answer(case, black_box(delivery)));
            }
            answered += case.deliveries.len();
            let passed = processor_secs() - begin;
            if passed >= seconds {
                return number(answered) / passed;
            }
        }
    }

    /// The steps of an answer, and the microseconds that each takes.
    pub(crate) fn steps(&self, case: &Case) -> Result<Vec<(&'static str, f64)>, String> {
        let Case { mode, format, deliveries, .. } = case;
        let signed: Vec<_> =
            deliveries.iter().filter_map(|delivery| signed(case, delivery)).collect();
        let mut parts = vec![
            ("query", micros_each(deliveries, query)),
            ("verify", micros_each(&signed, |(claimed, parts)| signature::verify(claimed, parts))),
        ];
        if *mode == Mode::UrlVerification {
            return Ok(parts);
        }
        if *mode == Mode::Safe {
            let (key, app_id) = (corpus::key(), corpus::app_id());
            let open = |delivery: &Delivery| {
                envelope::encrypted(&delivery.body)
                    .map(|encrypted| crypto::decrypt(&key, &app_id, encrypted))
            };
            parts.push(("open", micros_each(deliveries, open)));
        }
        let mut answered = Vec::new();
        for delivery in deliveries {
            let opened = self.open(&query(delivery)?, &delivery.body)?;
            let push = read(&opened)?;
            let written = reply(&push)?.write(&push, NOW);
            answered.push((opened, push, written));
        }
        parts.push(("parse", micros_each(&answered, |(opened, _, _)| read(opened))));
        let write = |push: &Push| reply(push).map(|reply| reply.write(push, NOW));
        parts.push(("reply", micros_each(&answered, |(_, push, _)| write(push))));
        if *mode == Mode::Safe {
            let seal = |opened: &DecryptedPush, written: &str| {
                opened.reply_cipher.as_ref().map(|cipher| cipher.encrypt(written, *format, NOW))
            };
            parts.push((
                "seal",
                micros_each(&answered, |(opened, _, written)| seal(opened, written)),
            ));
        }
        Ok(parts)
    }
}

/// A signature, and the values that it signs.
fn signed<'d>(case: &Case, delivery: &'d Delivery) -> Option<(&'d str, Vec<&'d str>)> {
    let mut parts = vec![corpus::TOKEN, delivery.get("timestamp")?, delivery.get("nonce")?];
    if case.mode != Mode::Safe {
        return Some((delivery.get("signature")?, parts));
    }
    parts.push(envelope::encrypted(&delivery.body).ok()?);
    Some((delivery.get("msg_signature")?, parts))
}

fn query(delivery: &Delivery) -> Result<Query, String> {
    Query::read(delivery.pairs()).map_err(|error| error.to_string())
}

fn read(opened: &DecryptedPush) -> Result<Push, String> {
    Push::read(&corpus::app_id(), &opened.message).map_err(|error| error.to_string())
}

fn reply(push: &Push) -> Result<Reply, String> {
    match &push.kind {
        PushKind::Message(Message::Text { content, .. }) => {
            Ok(Reply::Text(corpus::reply_to(content)))
        }
        other => Err(format!("not a text: {other:?}")),
    }
}

/// The microseconds that `work` takes for one of `items`. The best of several rounds
/// counts, because other work of the machine only adds time.
fn micros_each<'i, I, O>(items: &'i [I], work: impl Fn(&'i I) -> O) -> f64 {
    /// Enough that reading the clock takes no share.
    const PASSES: usize = 64;
    const TURNS_EACH: usize = 12;
    let round = || {
        let begin = processor_secs();
        for _ in 0..PASSES {
            for item in items {
                black_box(work(black_box(item)));
            }
        }
        (processor_secs() - begin) * 1e6 / number(PASSES * items.len())
    };
    (0..TURNS_EACH).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// The processor time of this process, in seconds.
fn processor_secs() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("processor time is not negative").as_secs_f64()
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a turn is too short for 2^32 messages"))
}
