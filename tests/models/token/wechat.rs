//! WeChat's `stable_token`, or the older `token`, for one app.

/// Tokens by the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct WeChat {
    /// What it hands out.
    pub(super) current: u8,
    /// It returns the token, and rejects it.
    pub(super) killed: bool,
    /// The token's last 5 minutes: who asks now gets its successor.
    pub(super) ending: bool,
    /// The one before, which is good for 5 minutes after its successor was made.
    pub(super) old: Option<u8>,
    /// The last token that was replaced by force.
    replaced: u8,
    /// A token was replaced by force that was alive, or a second time.
    pub(super) forced_wrongly: bool,
}

impl WeChat {
    pub(super) fn new() -> Self {
        Self {
            current: 1,
            killed: false,
            ending: false,
            old: None,
            replaced: 0,
            forced_wrongly: false,
        }
    }

    /// Whether a call with this token is let in.
    pub(super) fn takes(&self, token: u8) -> bool {
        (token == self.current && !self.killed) || Some(token) == self.old
    }

    /// `stable_token` without force; or `token`, which makes a new one each time.
    pub(super) fn fetch(&mut self, stable: bool) -> u8 {
        if self.ending || !stable {
            let old = Some(self.current).filter(|_| !self.killed);
            self.next(old);
        }
        self.current
    }

    /// `stable_token` with force, as WeChat rejects this token.
    pub(super) fn force(&mut self, rejected: u8) -> u8 {
        self.forced_wrongly |= self.takes(rejected) || rejected <= self.replaced;
        self.replaced = rejected;
        self.next(None);
        self.current
    }

    /// Another client forces a refresh.
    pub(super) fn stolen(&mut self) {
        self.next(None);
    }

    fn next(&mut self, old: Option<u8>) {
        *self = Self { current: self.current + 1, killed: false, ending: false, old, ..*self };
    }
}
