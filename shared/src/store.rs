//! The tables. Each aggregate has a type of its own, which is made of the tables that it
//! reads and writes.
//!
//! | Table | Key | Holds |
//! |---|---|---|
//! | users | `user` = `{app_id}#{open_id}`, `item` | `profile`, `consent#…`, `withdrawn#…`, `refused#…`, `window#…`, `form#…`, `phone`: all that belongs to one user of one app |
//! | | `user` = `person#…`, `item` | `session#…`: which refresh token is valid |
//! | | `user` = `login_code#…`, `password_attempts#…`, `cursor#…`, `last_pushes#` | what a login code was exchanged for; how often passwords were wrong; where a scan resumes; when each app's last push came |
//! | mappings | `subject` = `union#…`, `account#…` or `person#…`, `app_id` | a person's openid in each app, and whether they follow |
//! | | `subject` = `erasure#…` | the people who are being erased |
//! | erasures | `id` | hashes of the ids of who was erased, for 37 days; it has no backups |
//! | events | `user`, `event` | what WeChat pushed |
//! | notifications | `id` | what is sent; `message#…`, `receipt_key#…`: WeChat's receipts |
//! | | `id` = `token_refresh#…`, `circuit#`, `followers#…`, `unknown_codes#…`, `refused_jumps#…` | what the functions coordinate by |
//!
//! All functions that read or write a table fail with an [`AwsError`](crate::aws::AwsError)
//! when DynamoDB fails. A write that failed so may have been made, and may be repeated.

mod coordination;
mod dynamodb;
mod erasure;
mod events;
mod identities;
mod keys;
mod notifications;
mod sessions;
mod shard;
mod tables;
mod users;

pub use coordination::circuit_breaker::{OpenCircuit, OpenCircuits, SharedCircuits};
pub use coordination::follower_imports::row::{FollowerImport, ImportCounts, ImportPhase};
pub use coordination::follower_imports::{FollowerImports, ImportLease};
pub use coordination::refusal_notes::{
    NOTE_INTERVAL_SECS, NoteKind, RefusalNote, RefusalNotes, read_refusal_notes,
};
pub use coordination::token_refresh_lease::{
    LeaseHolder, LeaseResult, RefreshProgress, RefreshResult, TokenRefreshLease, TokenRefreshLeases,
};
pub use erasure::job::{Counts, TOMBSTONE_TTL};
pub use erasure::list::ErasureList;
pub use erasure::{ErasedAgain, Erasure, ErasureResult};
pub use events::Events;
pub use events::attempts::{ClaimResult, FailureRecord};
pub use events::auto_reply::{AutoReplyClaim, AutoReplyLease, AutoReplyState};
pub use events::cursor::{EventCursors, InvalidCursor};
pub use events::due::{DueEvent, DueEventRow, PendingCursor};
pub use events::last_pushes::LastPushes;
pub use events::put::{EventPut, NewEvent, PutOutcome, Unreadable};
pub use events::scan::{EventCursor, EventPage, EventRange};
pub use events::stored::StoredEvent;
pub use identities::accounts::{Accounts, BindError};
pub use identities::close_account::ClosedAccounts;
pub use identities::known::KnownPerson;
pub use identities::logins::{Binding, LoginError, LoginResult, Logins};
pub use identities::mappings::{AppIdentity, Mappings};
pub use identities::people::{AppUser, People, Person, PersonError, PersonQuery};
pub use keys::account_key;
pub use notifications::Notifications;
pub use notifications::bulk_request::{BulkRequest, UsedId};
pub use notifications::due::{CancelResult, DueCursor, DuePage, DueRow};
pub use notifications::receipts::{Receipt, ReceiptResolution};
pub use notifications::row::{NextAction, NotificationRow, SendIntent};
pub use notifications::status::NotificationStatus;
pub use notifications::transition::{Expected, Lease, MessageId, Transition, WriteResult};
pub use sessions::family::{Family, FormerToken, SESSION_IDLE_TTL, SecretHash, Verdict};
pub use sessions::login_codes::{CodeExchange, LoginCodeHash, LoginCodeRecord, LoginCodes};
pub use sessions::password_attempts::{AttemptKey, CountedAttempt, PasswordAttempts, RateLimit};
pub use sessions::{NewSession, SessionRefresh, Sessions};
pub use tables::{ErasuresTable, EventsTable, MappingsTable, NotificationsTable, UsersTable};
pub use users::consents::{Consent, ConsentKey, Consents};
pub use users::entitlements::{Entitlement, Entitlements};
pub use users::erase::{ErasedItems, UserItems};
pub use users::followers::Followers;
pub use users::followers::batch_write::FollowerUpdate;
pub use users::followers::state::{FetchedProfile, FollowEvent, FollowState, FollowTransition};
pub use users::form_ids::{FormIdError, FormIdItem, FormIds};
pub use users::phone_numbers::{PhoneNumbers, StoredPhone};
pub use users::profiles::Profiles;
pub use users::reply_windows::{ReplyWindow, ReplyWindows, WindowSlot};
