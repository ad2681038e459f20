//! Metric math: numbers, the ids of metrics, the four operations, parentheses and
//! `FILL(metric, number)` ("Using math expressions with CloudWatch metrics").

/// An expression. What is made of a missing value is missing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Metric(String),
    /// The value, or another if it is missing.
    Fill(Box<Self>, f64),
    Operation(Box<Self>, char, Box<Self>),
}

impl Expression {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut tokens = tokens(text)?;
        tokens.reverse();
        let found = sum(&mut tokens)?;
        tokens.is_empty().then_some(found)
    }

    pub(super) fn evaluate(&self, metric: &impl Fn(&str) -> Option<f64>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Metric(id) => metric(id),
            Self::Fill(value, other) => Some(value.evaluate(metric).unwrap_or(*other)),
            Self::Operation(left, operator, right) => {
                let (left, right) = (left.evaluate(metric)?, right.evaluate(metric)?);
                let value = match operator {
                    '+' => left + right,
                    '-' => left - right,
                    '*' => left * right,
                    _ => left / right,
                };
                value.is_finite().then_some(value)
            }
        }
    }

    /// The ids of the metrics in it.
    pub(super) fn metrics(&self) -> Vec<&str> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Metric(id) => vec![id],
            Self::Fill(value, _) => value.metrics(),
            Self::Operation(left, _, right) => [left.metrics(), right.metrics()].concat(),
        }
    }
}

/// Words, numbers and signs.
fn tokens(text: &str) -> Option<Vec<String>> {
    let mut tokens: Vec<String> = Vec::new();
    let mut continues = false;
    for c in text.chars() {
        let is_word = c.is_ascii_alphanumeric() || c == '_' || c == '.';
        match tokens.last_mut() {
            Some(last) if is_word && continues => last.push(c),
            _ if is_word || "+-*/(),".contains(c) => tokens.push(c.to_string()),
            _ if c.is_whitespace() => {}
            _ => return None,
        }
        continues = is_word;
    }
    Some(tokens)
}

// The next token stands last.

fn sum(tokens: &mut Vec<String>) -> Option<Expression> {
    operations(tokens, ["+", "-"], product)
}

fn product(tokens: &mut Vec<String>) -> Option<Expression> {
    operations(tokens, ["*", "/"], factor)
}

fn operations(
    tokens: &mut Vec<String>,
    operators: [&str; 2],
    operand: fn(&mut Vec<String>) -> Option<Expression>,
) -> Option<Expression> {
    let mut found = operand(tokens)?;
    while let Some(operator) = tokens.pop_if(|next| operators.contains(&next.as_str())) {
        let right = operand(tokens)?;
        found = Expression::Operation(Box::new(found), operator.chars().next()?, Box::new(right));
    }
    Some(found)
}

fn factor(tokens: &mut Vec<String>) -> Option<Expression> {
    let token = tokens.pop()?;
    let expect = |tokens: &mut Vec<String>, sign: &str| (tokens.pop()? == sign).then_some(());
    Some(match token.as_str() {
        "(" => {
            let found = sum(tokens)?;
            expect(tokens, ")")?;
            found
        }
        "FILL" => {
            expect(tokens, "(")?;
            let value = sum(tokens)?;
            expect(tokens, ",")?;
            let other = tokens.pop()?.parse().ok()?;
            expect(tokens, ")")?;
            Expression::Fill(Box::new(value), other)
        }
        // Ids begin with a small letter, functions with a capital one.
        _ if token.starts_with(|c: char| c.is_ascii_lowercase()) => Expression::Metric(token),
        _ => Expression::Number(token.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expression_is_worked_out_as_written() {
        let metric = |id: &str| match id {
            "one" => Some(1.0),
            "ten_2" => Some(10.0),
            _ => None,
        };
        for (text, value) in [
            ("one", Some(1.0)),
            ("ten_2 - one - 2", Some(7.0)),
            ("one + 2 * ten_2", Some(21.0)),
            ("(one+2)*ten_2 / 4", Some(7.5)),
            ("FILL(one, 5) + FILL(none, 0.5)", Some(1.5)),
            ("one + none", None),
            ("one / 0", None),
        ] {
            let expression = Expression::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(expression.evaluate(&metric), value, "{text}");
        }
        let expression = Expression::parse("FILL(a, 0) + b * 2").unwrap();
        assert_eq!(expression.metrics(), ["a", "b"]);
    }

    #[test]
    fn other_expression_is_refused() {
        for text in
            ["", "one +", "(one", "one two", "FILL(one)", "RATE(one)", "one > 2", "FILL(one, two)"]
        {
            assert_eq!(Expression::parse(text), None, "{text}");
        }
    }
}
