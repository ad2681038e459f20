//! The tasks of the clients, and how frequent each is.

/// A task of a client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Task {
    /// Invoke the function that does nothing.
    Noop,
    /// WeChat verifies the callback URL.
    VerifyUrl,
    /// A follower writes to the account, and WeChat pushes the message twice.
    Message,
    /// A follower taps the menu, and WeChat pushes the event twice.
    Click,
    /// An API that verifies sessions fetches the keys.
    Keys,
    /// A user of the mini program logs in, refreshes the session twice, reads it and logs
    /// out.
    Session,
    /// The same with an account's password, which is hashed.
    Password,
    /// A follower receives a template message, and WeChat pushes the receipt.
    Notify,
    /// The same through the queue.
    Queue,
    /// A notification is requested again.
    Duplicate,
    /// The schedules of every minute.
    SweepEvents,
    SweepSend,
    Tokens,
    Continue,
    /// An operator reads the progress of the import.
    Status,
    /// An operator imports all followers.
    Import,
}

/// How often each is chosen, of a thousand times. Most are cheap, as in production. Those
/// that write rows are rarer than in production: the local DynamoDB would otherwise hold
/// more of them than thirty days leave on AWS.
const MIX: [(Task, usize); 16] = [
    (Task::Noop, 30),
    (Task::VerifyUrl, 240),
    (Task::Message, 45),
    (Task::Click, 15),
    (Task::Keys, 150),
    (Task::Session, 24),
    (Task::Password, 1),
    (Task::Notify, 15),
    (Task::Queue, 15),
    (Task::Duplicate, 110),
    (Task::SweepEvents, 50),
    (Task::SweepSend, 40),
    (Task::Tokens, 80),
    (Task::Continue, 64),
    (Task::Status, 120),
    (Task::Import, 1),
];
const TOTAL: usize = 1000;
/// Has no divisor in common with [`TOTAL`], so that the tasks are mixed.
const STRIDE: usize = 617;

impl Task {
    /// Every task.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        MIX.into_iter().map(|(task, _)| task)
    }

    /// The task with this number.
    pub(crate) fn nth(number: usize) -> Self {
        let mut at = number.wrapping_mul(STRIDE) % TOTAL;
        for (task, share) in MIX {
            if at < share {
                return task;
            }
            at -= share;
        }
        Self::VerifyUrl
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousand_tasks_have_each_as_often_as_its_share() {
        assert_eq!(MIX.iter().map(|(_, share)| share).sum::<usize>(), TOTAL);
        let all: Vec<_> = (0..TOTAL).map(Task::nth).collect();
        for (task, share) in MIX {
            assert_eq!(all.iter().filter(|it| **it == task).count(), share, "{task:?}");
        }
        // They are mixed: a tenth of all has about a tenth of the URL verifications.
        let verifications = all[..100].iter().filter(|it| **it == Task::VerifyUrl).count();
        assert!((19..=29).contains(&verifications), "{verifications}");
    }
}
