//! WeChat, as far as notifications of one template to one person meet it.

use super::receipts::Message;
use super::{Channel, RepeatId, State};

/// What happens to a call on its way to WeChat and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallEnd {
    Answered,
    AnswerLost,
    /// The answer has no id of the message.
    NoId,
    RequestLost,
    /// The caller gives up; it arrives all the same, when it will.
    HeldUp,
    /// No connection, or an answer that says "not now".
    NotNow,
    Refused,
}

impl CallEnd {
    /// What can happen on a bad day.
    pub(super) const BAD: [Self; 4] =
        [Self::AnswerLost, Self::RequestLost, Self::HeldUp, Self::NotNow];
}

/// What the caller learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallResult {
    /// With the message's id, where the channel gives one.
    Sent(Option<u8>),
    Refused,
    NotNow,
    Nothing,
}

/// What WeChat knows of a notification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct WeChat {
    /// Messages that the person sees. Two are as bad as three.
    pub(super) shown: u8,
    /// The message of the `client_msg_id`, while WeChat remembers it.
    pub(super) remembered: Option<u8>,
    /// A call that is on its way.
    pub(super) held_up: Option<Channel>,
}

impl State {
    /// A call to WeChat, and what the caller learns.
    pub(super) fn call(&mut self, notification: u8, channel: Channel, fate: CallEnd) -> CallResult {
        match fate {
            CallEnd::Answered => CallResult::Sent(self.deliver(notification, channel)),
            CallEnd::AnswerLost => {
                self.deliver(notification, channel);
                CallResult::Nothing
            }
            CallEnd::NoId => {
                self.deliver(notification, channel);
                CallResult::Sent(None)
            }
            CallEnd::HeldUp => {
                self.wechat(notification).held_up = Some(channel);
                CallResult::Nothing
            }
            CallEnd::RequestLost => CallResult::Nothing,
            CallEnd::NotNow => CallResult::NotNow,
            CallEnd::Refused => CallResult::Refused,
        }
    }

    /// What was held up arrives.
    pub(super) fn arrive(&mut self, notification: u8) {
        if let Some(channel) = self.wechat(notification).held_up.take() {
            self.deliver(notification, channel);
        }
    }

    fn wechat(&mut self, notification: u8) -> &mut WeChat {
        &mut self.notifications[usize::from(notification)].wechat
    }

    /// WeChat takes the message on, if it doesn't know it already.
    fn deliver(&mut self, notification: u8, channel: Channel) -> Option<u8> {
        let next = u8::try_from(self.messages.len()).expect("there are few");
        let repeat = self.repeat;
        let wechat = self.wechat(notification);
        if channel.repeatable()
            && let Some(message) = wechat.remembered
        {
            return match repeat {
                RepeatId::Same => Some(message),
                RepeatId::None => None,
                RepeatId::Another => {
                    self.messages.push(Message::without_receipt(notification));
                    Some(next)
                }
            };
        }
        if wechat.shown == 2 {
            return None;
        }
        wechat.shown += 1;
        if channel.repeatable() {
            wechat.remembered = Some(next);
        }
        channel.has_receipts().then(|| {
            self.messages.push(Message::for_notification(notification));
            next
        })
    }
}
