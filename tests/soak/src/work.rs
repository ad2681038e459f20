//! What is asked for, and how often.

/// Something that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// A function is invoked that does nothing.
    Nothing,
    /// WeChat greets the callback.
    Greet,
    /// A follower writes to the account; WeChat, which misses the answer, says it twice.
    Message,
    /// A follower taps the menu, the same.
    Click,
    /// Somebody who verifies sessions fetches the keys.
    Keys,
    /// A user of the mini program logs in, refreshes the session twice, asks who they
    /// are, and logs out.
    Session,
    /// The same with an account and its password, which is hashed.
    Password,
    /// A follower is told something by a template message, of which a receipt comes.
    Notify,
    /// The same through the queue.
    Queue,
    /// The same notification is asked for as before.
    Again,
    /// What the schedules ask the functions every minute.
    SweepEvents,
    SweepSend,
    Tokens,
    Continue,
    /// An operator asks how far the import is.
    Status,
    /// An operator brings all followers in.
    Import,
}

/// How often each is asked for, of a thousand times. Most of what a business's functions
/// are asked is cheap, and so it is here; what writes rows is rarer than in life, or
/// the local DynamoDB would hold more of them than thirty days leave on AWS.
const MIX: [(Work, usize); 16] = [
    (Work::Nothing, 30),
    (Work::Greet, 240),
    (Work::Message, 45),
    (Work::Click, 15),
    (Work::Keys, 150),
    (Work::Session, 24),
    (Work::Password, 1),
    (Work::Notify, 15),
    (Work::Queue, 15),
    (Work::Again, 110),
    (Work::SweepEvents, 50),
    (Work::SweepSend, 40),
    (Work::Tokens, 80),
    (Work::Continue, 64),
    (Work::Status, 120),
    (Work::Import, 1),
];
const ALL: usize = 1000;
/// Has no divisor in common with [`ALL`], so that all come in turn, and not in a row.
const STRIDE: usize = 617;

impl Work {
    /// Everything that is ever asked for.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        MIX.into_iter().map(|(work, _)| work)
    }

    /// What is asked for the `number`th time.
    pub(crate) fn of(number: usize) -> Self {
        let mut at = number.wrapping_mul(STRIDE) % ALL;
        for (work, often) in MIX {
            if at < often {
                return work;
            }
            at -= often;
        }
        Self::Greet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_thousand_each_comes_as_often_as_it_should() {
        assert_eq!(MIX.iter().map(|(_, often)| often).sum::<usize>(), ALL);
        let all: Vec<_> = (0..ALL).map(Work::of).collect();
        for (work, often) in MIX {
            assert_eq!(all.iter().filter(|it| **it == work).count(), often, "{work:?}");
        }
        // They are mixed: a tenth has a tenth of the greetings, more or less.
        let greetings = all[..100].iter().filter(|it| **it == Work::Greet).count();
        assert!((19..=29).contains(&greetings), "{greetings}");
    }
}
