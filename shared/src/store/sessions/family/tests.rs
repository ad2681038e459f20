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

    /// As the function makes it: the same for the same token.
    fn successor(self) -> Self {
        Self { generation: self.generation + 1, secret: self.secret.wrapping_mul(0x9E37_79B9) + 7 }
    }
}

/// What the function answers, and what it does to the row.
fn refresh(family: &mut Family, token: Token, now: Timestamp) -> Result<Token, Verdict> {
    match family.judge(token.generation, token.hash(), now) {
        Verdict::Rotate => {
            *family = family.rotated(token.successor().hash(), now).unwrap();
            Ok(token.successor())
        }
        Verdict::Repeat => Ok(token.successor()),
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
        while now.seconds_since(NOW) < MAX_LIFETIME - IDLE_TTL && lost < 100_000 {
            now = now.plus(if dice.below(50) == 0 {
                dice.below(IDLE_TTL - RETRY_WINDOW)
            } else {
                900
            });
            let began = now;
            // As often as it takes, while half a minute isn't over since the first.
            let answer = loop {
                let answer = refresh(&mut family, token, now);
                assert!(answer.is_ok(), "{answer:?} after {lost} lost answers");
                let retry_at = now.plus(dice.below(8));
                if retry_at.seconds_since(began) <= RETRY_WINDOW && dice.below(3) > 0 {
                    (lost, now) = (lost + 1, retry_at);
                } else {
                    break answer.unwrap();
                }
            };
            assert_eq!(answer, token.successor(), "every answer has the same successor");
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
            token = refresh(&mut family, token, now).unwrap();
        }
        // Any that was used: the last of them counts as reused after 30 seconds,
        // the others at once.
        let stolen = used[usize::try_from(dice.below(used.len() as u64)).unwrap()];
        let last = stolen == used[used.len() - 1];
        let when = now.plus(if last { RETRY_WINDOW + 1 } else { 0 } + dice.below(1000));
        assert_eq!(refresh(&mut family, stolen, when), Err(Verdict::Reused), "run {run}");
        // No session is left: neither the thief's nor the user's.
        for held in used.iter().copied().chain([token, token.successor()]) {
            assert_eq!(refresh(&mut family, held, when), Err(Verdict::Ended), "run {run}");
        }
    }
}

#[test]
fn second_user_of_a_token_is_caught_thief_or_owner() {
    let (mut family, stolen) = (begun(), Token::FIRST);
    let thiefs = refresh(&mut family, stolen, NOW.plus(10)).unwrap();
    assert_eq!(refresh(&mut family, stolen, NOW.plus(41)), Err(Verdict::Reused));
    assert_eq!(refresh(&mut family, thiefs, NOW.plus(42)), Err(Verdict::Ended));
    // Within the half minute both get the same token, and the second use of that
    // one is noticed.
    let mut family = begun();
    let one = refresh(&mut family, stolen, NOW.plus(10)).unwrap();
    let other = refresh(&mut family, stolen, NOW.plus(40)).unwrap();
    refresh(&mut family, one, NOW.plus(900)).unwrap();
    assert_eq!(refresh(&mut family, other, NOW.plus(931)), Err(Verdict::Reused));
}

#[test]
fn token_with_another_secret_or_generation_is_reuse() {
    for wrong in [
        Token { generation: 0, secret: 2 },
        Token { generation: 1, secret: 1 },
        Token { generation: u32::MAX, secret: 1 },
    ] {
        assert_eq!(refresh(&mut begun(), wrong, NOW), Err(Verdict::Reused), "{wrong:?}");
    }
    let mut family = begun();
    let token = refresh(&mut family, Token::FIRST, NOW).unwrap();
    let renumbered = Token { generation: token.generation, ..Token::FIRST };
    assert_eq!(refresh(&mut family, renumbered, NOW), Err(Verdict::Reused));
}

#[test]
fn session_ends_after_30_idle_days_and_after_90_in_any_case() {
    let token = Token::FIRST;
    let judge = |family: &Family, now| family.judge(family.generation, family.current, now);
    assert_eq!(judge(&begun(), NOW.plus(IDLE_TTL - 1)), Verdict::Rotate);
    assert_eq!(judge(&begun(), NOW.plus(IDLE_TTL)), Verdict::Ended);
    let (mut family, mut token, mut now) = (begun(), token, NOW);
    loop {
        now = now.plus(29 * 24 * 3600);
        match refresh(&mut family, token, now) {
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
