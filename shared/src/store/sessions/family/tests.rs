//! Honest clients whose answers are lost, and thieves.

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);

/// A token, as both sides know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    generation: u32,
    secret: u64,
}

impl Token {
    const FIRST: Self = Self { generation: 0, secret: 1 };

    fn hash(self) -> SecretHash {
        SecretHash::digest(&self.secret.to_be_bytes())
    }

    /// As the function makes it: the same for the same token and the same retry key.
    fn successor(self, retry_key: Option<u64>) -> Self {
        let secret = self.secret.wrapping_mul(0x9E37_79B9).wrapping_add(retry_key.unwrap_or(7));
        Self { generation: self.generation.wrapping_add(1), secret }
    }
}

/// The retry keys of an owner and of a thief.
const OWNERS: Option<u64> = Some(11);
const THIEFS: Option<u64> = Some(13);

/// What the function answers, and what it does to the row.
fn refresh(
    family: &mut Family,
    token: Token,
    retry_key: Option<u64>,
    now: Timestamp,
) -> Result<Token, Verdict> {
    let successor = token.successor(retry_key);
    let hash = retry_key.map(|key| SecretHash::digest(&key.to_be_bytes()));
    match family.judge(token.generation, token.hash(), hash, now) {
        Verdict::Rotate => {
            *family = family.rotated(successor.hash(), hash, now).unwrap();
            Ok(successor)
        }
        Verdict::Repeat => Ok(successor),
        Verdict::RepeatOnce => {
            family.has_repeated = true;
            Ok(successor)
        }
        Verdict::Reused => {
            family.revoked_at = Some(now);
            Err(Verdict::Reused)
        }
        Verdict::Ended => Err(Verdict::Ended),
    }
}

fn begun() -> Family {
    Family::begin("wxMini", Token::FIRST.hash(), NOW)
}

/// Numbers that look random, and are the same each time (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Fault 69.
#[test]
fn lost_responses_revoke_nothing() {
    let mut dice = Dice(0x5EED);
    let (mut lost, mut families) = (0, 0);
    while lost < 100_000 {
        families += 1;
        let (mut family, mut token, mut now) = (begun(), Token::FIRST, NOW);
        // An access token lives 15 minutes; a user may be away for weeks.
        while now.seconds_since(NOW) < MAX_LIFETIME - SESSION_IDLE_TTL && lost < 100_000 {
            now = now.plus(if dice.below(50) == 0 {
                dice.below(SESSION_IDLE_TTL - RETRY_WINDOW)
            } else {
                900
            });
            let began = now;
            // As often as it takes, while half a minute isn't over since the first.
            let answer = loop {
                let answer = refresh(&mut family, token, OWNERS, now);
                assert!(answer.is_ok(), "{answer:?} after {lost} lost answers");
                let retry_at = now.plus(dice.below(8));
                if retry_at.seconds_since(began) <= RETRY_WINDOW && dice.below(3) > 0 {
                    (lost, now) = (lost + 1, retry_at);
                } else {
                    break answer.unwrap();
                }
            };
            assert_eq!(answer, token.successor(OWNERS), "every answer has the same successor");
            token = answer;
            assert_eq!(family.generation, token.generation, "a retry writes nothing");
        }
        assert_eq!(family.revoked_at, None);
    }
    assert!(families > 1);
}

/// Fault 68.
#[test]
fn every_reuse_is_caught() {
    let mut dice = Dice(0xBAD);
    for run in 0..2000 {
        let (mut family, mut token, mut now) = (begun(), Token::FIRST, NOW);
        let mut used = Vec::new();
        for _ in 0..=dice.below(20) {
            now = now.plus(dice.below(900));
            used.push(token);
            token = refresh(&mut family, token, OWNERS, now).unwrap();
        }
        // Any that was used: the last of them counts as reused after 30 seconds,
        // the others at once.
        let stolen = used[usize::try_from(dice.below(used.len() as u64)).unwrap()];
        let last = stolen == used[used.len() - 1];
        let when = now.plus(if last { RETRY_WINDOW + 1 } else { 0 } + dice.below(1000));
        assert_eq!(refresh(&mut family, stolen, OWNERS, when), Err(Verdict::Reused), "run {run}");
        // No session is left: neither the thief's nor the user's.
        for held in used.iter().copied().chain([token, token.successor(OWNERS)]) {
            assert_eq!(refresh(&mut family, held, OWNERS, when), Err(Verdict::Ended), "run {run}");
        }
    }
}

/// Fault 68.
#[test]
fn second_user_of_a_token_is_caught_thief_or_owner() {
    // The one who comes second, at once or later, with another key or none.
    for (first, second) in [(OWNERS, THIEFS), (THIEFS, OWNERS), (OWNERS, None), (None, OWNERS)] {
        for wait in [0, RETRY_WINDOW, RETRY_WINDOW + 1] {
            let mut family = begun();
            let held = refresh(&mut family, Token::FIRST, first, NOW).unwrap();
            let now = NOW.plus(wait);
            assert_eq!(refresh(&mut family, Token::FIRST, second, now), Err(Verdict::Reused));
            assert_eq!(refresh(&mut family, held, first, now), Err(Verdict::Ended));
        }
    }
}

#[test]
fn without_a_retry_key_one_response_of_a_session_is_repeated() {
    let mut family = begun();
    let second = refresh(&mut family, Token::FIRST, None, NOW).unwrap();
    assert_eq!(refresh(&mut family, Token::FIRST, None, NOW.plus(30)), Ok(second));
    let third = refresh(&mut family, second, None, NOW.plus(900)).unwrap();
    assert_eq!(refresh(&mut family, second, None, NOW.plus(901)), Err(Verdict::Reused));
    assert_eq!(refresh(&mut family, third, None, NOW.plus(902)), Err(Verdict::Ended));
}

/// What the owner of a session and the thief of its first token hold, and who was answered.
#[derive(Clone)]
struct Theft {
    family: Family,
    now: Timestamp,
    owners: Token,
    owners_key: Option<u64>,
    thiefs: Vec<Token>,
    /// The last one who was answered, and how often it was another one than before.
    answered: Option<bool>,
    changes: u32,
}

impl Theft {
    fn answer(&mut self, is_owner: bool) {
        let other = self.answered.replace(is_owner).is_some_and(|before| before != is_owner);
        self.changes += u32::from(other);
    }

    /// Every move of either, and time.
    fn moves(&self) -> Vec<Self> {
        let mut after = Vec::new();
        // The owner's response arrives or is lost.
        for arrives in [true, false] {
            let mut next = self.clone();
            let answer = refresh(&mut next.family, next.owners, next.owners_key, next.now);
            if let Ok(token) = answer {
                next.answer(true);
                next.owners = if arrives { token } else { next.owners };
            }
            after.push(next);
        }
        for token in &self.thiefs {
            for key in [None, THIEFS] {
                let mut next = self.clone();
                if let Ok(token) = refresh(&mut next.family, *token, key, next.now) {
                    next.answer(false);
                    if !next.thiefs.contains(&token) {
                        next.thiefs.push(token);
                    }
                }
                after.push(next);
            }
        }
        after.push(Self { now: self.now.plus(RETRY_WINDOW + 1), ..self.clone() });
        after
    }
}

/// All moves of an owner and a thief. Both are never served side by side: from an owner with
/// a retry key the thief gets nothing once the owner was answered, nor the owner after the
/// thief; without one, the second change of hands is the last.
/// Fault 107.
#[test]
fn thief_and_owner_are_never_served_side_by_side() {
    for (owners_key, max_changes) in [(OWNERS, 0), (None, 2)] {
        let start = Theft {
            family: begun(),
            now: NOW,
            owners: Token::FIRST,
            owners_key,
            thiefs: vec![Token::FIRST],
            answered: None,
            changes: 0,
        };
        let (mut most, mut seen, mut states) = (0, 0, vec![(0, start)]);
        while let Some((depth, state)) = states.pop() {
            (most, seen) = (most.max(state.changes), seen + 1);
            if depth < 6 && state.family.revoked_at.is_none() {
                states.extend(state.moves().into_iter().map(|next| (depth + 1, next)));
            }
        }
        assert!(seen > 5_000, "{seen}");
        assert_eq!(most, max_changes, "{owners_key:?}, {seen} states");
    }
}

#[test]
fn token_with_another_secret_or_generation_is_reuse() {
    for wrong in [
        Token { generation: 0, secret: 2 },
        Token { generation: 1, secret: 1 },
        Token { generation: u32::MAX, secret: 1 },
    ] {
        assert_eq!(refresh(&mut begun(), wrong, OWNERS, NOW), Err(Verdict::Reused), "{wrong:?}");
    }
    let mut family = begun();
    let token = refresh(&mut family, Token::FIRST, OWNERS, NOW).unwrap();
    let renumbered = Token { generation: token.generation, ..Token::FIRST };
    assert_eq!(refresh(&mut family, renumbered, OWNERS, NOW), Err(Verdict::Reused));
}

#[test]
fn session_ends_after_30_idle_days_and_after_90_in_any_case() {
    let token = Token::FIRST;
    let judge = |family: &Family, now| family.judge(family.generation, family.current, None, now);
    assert_eq!(judge(&begun(), NOW.plus(SESSION_IDLE_TTL - 1)), Verdict::Rotate);
    assert_eq!(judge(&begun(), NOW.plus(SESSION_IDLE_TTL)), Verdict::Ended);
    let (mut family, mut token, mut now) = (begun(), token, NOW);
    loop {
        now = now.plus(29 * 24 * 3600);
        match refresh(&mut family, token, None, now) {
            Ok(next) => token = next,
            Err(end) => {
                assert_eq!(end, Verdict::Ended);
                break;
            }
        }
        assert!(family.ends_at <= NOW.plus(MAX_LIFETIME), "the row goes when the session does");
    }
    assert_eq!(now, NOW.plus(4 * 29 * 24 * 3600));
    assert_eq!(judge(&family, NOW.plus(MAX_LIFETIME - 1)), Verdict::Rotate);
    assert_eq!(judge(&family, NOW.plus(MAX_LIFETIME)), Verdict::Ended);
}
