//! No implementation accepts a message that was changed, or is for another app.
//!
//! Without this, a peer that verifies nothing would pass for one that agrees.

use super::{DecryptedMessage, Delivery, NOW, Problem, Side, missing};
use serde_json::json;
use shared::wechat::crypto;
use shared::wechat::envelope;
use shared::wechat::id::AppId;
use shared::wechat::push::Format;

/// They don't verify for which app a message is: the check is commented out in their code.
const IGNORE_THE_APP: [&str; 2] = ["WxJava", "ArtisanCloud/PowerWeChat"];
/// An app that neither side is set up for.
const OTHER_APP: &str = "wx2";

impl Side<'_> {
    /// Offers forgeries of `message` to both sides.
    pub(super) fn forgeries(&mut self, format: Format, message: &str) -> Result<(), Problem> {
        let good = self.deliver(format, message)?;
        self.offer_here(format, message, &good)?;
        let opened = self.app.callback.decrypt(&good.query(&[])?, good.body.as_bytes(), NOW);
        let cipher = opened.ok().and_then(|opened| opened.reply_cipher);
        let cipher = cipher.ok_or(Problem::RefusedHere("the delivery"))?;
        self.offer_there(format, message, &cipher.encrypt(message, format, NOW))
    }

    fn offer_here(
        &mut self,
        format: Format,
        message: &str,
        good: &Delivery,
    ) -> Result<(), Problem> {
        let mut signed_otherwise = good.clone();
        let signature = signed_otherwise.query.iter_mut().find(|(name, _)| name == "msg_signature");
        let (_, signature) = signature.ok_or_else(|| missing("msg_signature"))?;
        *signature = with_another(signature, 0);
        let changed = Delivery { body: with_another_ciphertext(&good.body)?, ..good.clone() };
        let mut app = self.app.json.clone();
        app["app_id"] = OTHER_APP.into();
        let misled = self.deliver_for(&app, format, message)?;
        for (forgery, delivery) in [
            ("here, with another signature", signed_otherwise),
            ("here, with another ciphertext", changed),
            ("here, for another app", misled),
        ] {
            let query = delivery.query(&[])?;
            let opened = self.app.callback.decrypt(&query, delivery.body.as_bytes(), NOW);
            self.refused(forgery, opened.is_err())?;
        }
        Ok(())
    }

    fn offer_there(&mut self, format: Format, message: &str, good: &str) -> Result<(), Problem> {
        for (forgery, reply) in [
            ("by the peer, with another signature", with_another_signature(good)?),
            ("by the peer, with another ciphertext", with_another_ciphertext(good)?),
        ] {
            let opened = self.open(format, &reply)?;
            self.refused(forgery, opened.refused.is_some())?;
        }
        let random = crypto::synthetic_random(&self.app.key, message.as_bytes());
        let other = AppId::parse(OTHER_APP).expect("an app id");
        let encrypt = crypto::encrypt(&self.app.key, &other, random, message.as_bytes());
        let opened: DecryptedMessage = self.request("decrypt", json!({ "encrypt": encrypt }))?;
        let refused = opened.refused.is_some();
        if !IGNORE_THE_APP.contains(&self.peer.short_name()) {
            return self.refused("by the peer, for another app", refused);
        }
        if refused {
            return Err(Problem::Unusable("it does verify the app: say so here".to_owned()));
        }
        Ok(())
    }

    fn refused(&mut self, forgery: &'static str, refused: bool) -> Result<(), Problem> {
        if !refused {
            return Err(Problem::Forged(forgery));
        }
        self.checked.forgeries += 1;
        Ok(())
    }
}

/// The same envelope with another digit in its signature.
fn with_another_signature(reply: &str) -> Result<String, Problem> {
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    let (before, after) =
        reply.split_once("MsgSignature").ok_or_else(|| missing("MsgSignature"))?;
    let digit = after.find(is_digit).ok_or_else(|| missing("MsgSignature"))?;
    Ok(with_another(reply, before.len() + "MsgSignature".len() + digit))
}

/// The same envelope with another character in the middle of its ciphertext.
fn with_another_ciphertext(body: &str) -> Result<String, Problem> {
    let encrypt = envelope::encrypted(body).map_err(|_| missing("Encrypt"))?;
    Ok(body.replace(encrypt, &with_another(encrypt, encrypt.len() / 2)))
}

/// The same text with another digit at a place where there is an ASCII character.
fn with_another(text: &str, place: usize) -> String {
    let mut other = text.to_owned();
    let digit = if other[place..].starts_with('0') { "1" } else { "0" };
    other.replace_range(place..=place, digit);
    other
}
