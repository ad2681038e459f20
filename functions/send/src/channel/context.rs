//! What a channel is given of a notification, and the message that it prepares.

use shared::clock::Timestamp;
use shared::parameters::{
    Apps, ChannelKind, FieldSource, InvalidValue, MiniProgramPage, Unfillable, WeChatApp, fill_as,
};
use shared::send_response::SkippedChannel;
use shared::store::{AppIdentity, Entitlement, SendIntent};
use shared::wechat::field::MessageKind;
use shared::wechat::message::{MiniProgram, SendRequest, TemplateData, TemplateValue};
use shared::wechat::text::TextKind;
use std::collections::BTreeMap;

/// The keys of WeChat's template, and what fills them.
pub(super) type Keys = BTreeMap<String, FieldSource>;

/// What a channel knows of a notification.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChannelContext<'a> {
    /// The notification's id.
    pub(crate) id: &'a str,
    pub(crate) kind: ChannelKind,
    /// The app that sends.
    pub(crate) app: &'a WeChatApp,
    /// The recipient in this app.
    pub(crate) route: &'a AppIdentity,
    pub(crate) apps: &'a Apps,
    /// The template's fields.
    pub(crate) fields: &'a BTreeMap<String, String>,
    /// WeChat drops a repeated message with the same one.
    pub(crate) client_msg_id: &'a str,
    pub(crate) now: Timestamp,
}

/// Whether a channel can be used.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is matched where it is returned")]
pub(crate) enum Preparation {
    Ready(PreparedMessage),
    Skipped(SkippedChannel, SkipReason),
}

/// A message that is ready to be sent.
#[derive(Debug)]
pub(crate) struct PreparedMessage {
    /// The app that sends.
    pub(crate) app: WeChatApp,
    pub(crate) request: SendRequest,
    /// The same to a web page in place of a mini program, if the template has one.
    pub(crate) without_jump: Option<SendRequest>,
    /// The entitlement that sending it uses up, if any.
    pub(crate) entitlement: Option<Entitlement>,
    /// What is recorded before the call.
    pub(crate) intent: SendIntent,
}

/// Why a channel is skipped, in order of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SkipReason {
    /// The app doesn't know the person, or can't send to them.
    Unreachable,
    /// The person has not consented.
    NoConsent,
    /// WeChat refused the message, or would have.
    Refused,
}

impl ChannelContext<'_> {
    /// The channel can't be used.
    pub(super) fn skip(&self, text: impl Into<String>, reason: SkipReason) -> Preparation {
        Preparation::Skipped(
            SkippedChannel::skipped_locally(self.kind, &self.app.alias, text),
            reason,
        )
    }

    pub(super) fn skip_unfollowed(&self) -> Preparation {
        self.skip("the person does not follow this Official Account", SkipReason::Unreachable)
    }

    /// The template can't be filled.
    pub(super) fn skip_unfillable(&self, error: FillError) -> Preparation {
        let mut skipped = SkippedChannel::skipped_locally(self.kind, &self.app.alias, error.reason);
        skipped.advice = Some(error.advice.to_owned());
        Preparation::Skipped(skipped, SkipReason::Refused)
    }

    /// The channel can be used.
    pub(super) fn ready(
        &self,
        request: SendRequest,
        template_id: Option<&str>,
        entitlement: Option<Entitlement>,
    ) -> Preparation {
        let app = self.app.clone();
        let open_id = &self.route.open_id;
        let mut intent =
            SendIntent::new(self.kind, &self.app.app_id, template_id, open_id, self.now);
        intent.client_msg_id = self.kind.is_repeatable().then(|| self.client_msg_id.to_owned());
        let without_jump = request.without_mini_program();
        Preparation::Ready(PreparedMessage { app, request, without_jump, entitlement, intent })
    }

    /// Fills every key of WeChat's template.
    pub(super) fn fill_data(
        &self,
        data: &Keys,
        message: MessageKind,
    ) -> Result<TemplateData, FillError> {
        let filled = data.iter().map(|(key, content)| {
            Ok((key.clone(), TemplateValue { value: content.fill(key, message, self.fields)? }))
        });
        filled.collect::<Result<_, InvalidValue>>().map(TemplateData).map_err(FillError::from)
    }

    /// Fills the address of the web or of a page that a tap opens.
    pub(super) fn fill_address(
        &self,
        kind: TextKind,
        text: &Option<String>,
    ) -> Result<Option<String>, FillError> {
        Ok(text.as_deref().map(|text| fill_as(kind, text, self.fields)).transpose()?)
    }

    /// The mini program, and its page, that a tap opens.
    pub(super) fn mini_program(
        &self,
        target: &Option<MiniProgramPage>,
    ) -> Result<Option<MiniProgram<'_>>, FillError> {
        let Some(target) = target else { return Ok(None) };
        let app = self.apps.by_alias(&target.app).ok_or_else(|| FillError {
            reason: "the template opens a mini program that is not under /apps".to_owned(),
            advice: "correct the alias in the template, or store the app under /apps",
        })?;
        Ok(Some(MiniProgram {
            appid: &app.app_id,
            pagepath: self.fill_address(TextKind::Page, &target.page)?,
        }))
    }
}

/// The data can't fill the template.
#[derive(Debug)]
pub(super) struct FillError {
    reason: String,
    advice: &'static str,
}

impl From<InvalidValue> for FillError {
    /// WeChat would have refused, with 47003.
    fn from(unfit: InvalidValue) -> Self {
        Self { reason: unfit.to_string(), advice: unfit.advice() }
    }
}

impl From<Unfillable> for FillError {
    fn from(unfillable: Unfillable) -> Self {
        Self { reason: unfillable.to_string(), advice: unfillable.advice() }
    }
}
