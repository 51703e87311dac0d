//! Labels by rules: a table with a label and a condition in SQL in each row.

use std::path::{Path, PathBuf};

use netloom::analysis::report::units;
use netloom::tables::SchemaRef;
use netloom::tables::read::{Header, ReadOptions, read_table};
use netloom_sql::{Condition, QueryError};

use super::{Data, unify};
use crate::failure::Failure;
use crate::output::Printer;

/// A file of rules.
pub(super) struct Rules {
    path: PathBuf,
    rules: Vec<Rule>,
}

struct Rule {
    label: String,
    /// None is a rule for the rows that no other rule is for.
    condition: Option<Condition>,
}

/// Reads the rules for data of these columns.
pub(super) fn read(path: &Path, schema: &SchemaRef) -> Result<Rules, Failure> {
    let mut options = ReadOptions::default();
    options.header = Header::Present;
    let table = read_table(path, &options)?;
    let column = |name: &str| -> Result<Vec<Option<String>>, Failure> {
        if table.schema.index_of(name).is_err() {
            return Err(Failure::usage(format!(
                "{}: has no column '{name}'",
                path.display()
            ))
            .hint("its first line is label,where; then a label and a condition in each line, as in: scan,\"conn_state = 'S0'\""));
        }
        unify::texts(&table.batches, name)
    };
    let mut rules = Vec::new();
    for (number, (label, sql)) in column("label")?
        .into_iter()
        .zip(column("where")?)
        .enumerate()
    {
        let place = format!("{}: rule {}", path.display(), number + 1);
        let Some(label) = label else {
            return Err(Failure::usage(format!("{place} has no label")));
        };
        let condition = sql
            .map(|sql| {
                Condition::new(schema, &sql).map_err(|error| {
                    let hint = match &error {
                        QueryError::Query {
                            hint: Some(hint), ..
                        } => hint.clone(),
                        _ => "a condition is what stands after WHERE in SQL, over the columns of DATA"
                            .to_owned(),
                    };
                    Failure::usage(format!("{place} ({label}): {error}, in: {sql}")).hint(hint)
                })
            })
            .transpose()?;
        rules.push(Rule { label, condition });
    }
    if rules.is_empty() {
        return Err(Failure::usage(format!(
            "{}: holds no rules",
            path.display()
        )));
    }
    Ok(Rules {
        path: path.to_owned(),
        rules,
    })
}

impl Rules {
    /// The columns that the conditions look at: to learn from them is to learn the rules.
    pub(super) fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .rules
            .iter()
            .filter_map(|rule| rule.condition.as_ref())
            .flat_map(|condition| condition.columns().iter().cloned())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The label of each row; none where no rule holds, or rules of several labels do.
    pub(super) fn tell(
        &self,
        data: &Data,
        printer: &Printer,
    ) -> Result<Vec<Option<String>>, Failure> {
        let mut labels = Vec::with_capacity(data.rows());
        let mut rows_of = vec![0_u64; self.rules.len()];
        let (mut without, mut disputed) = (0_u64, 0_u64);
        let mut example: Option<(usize, usize)> = None;
        for batch in &data.batches {
            let mut held: Vec<Option<Vec<bool>>> = Vec::new();
            for (number, rule) in self.rules.iter().enumerate() {
                let values = rule
                    .condition
                    .as_ref()
                    .map(|condition| condition.among(batch));
                held.push(values.transpose().map_err(|error| {
                    Failure::usage(format!(
                        "{}: rule {} ({}): {error}",
                        self.path.display(),
                        number + 1,
                        rule.label
                    ))
                })?);
            }
            for row in 0..batch.num_rows() {
                let holds = |number: &usize| held[*number].as_ref().is_some_and(|held| held[row]);
                let mut found: Vec<usize> = (0..self.rules.len()).filter(holds).collect();
                if found.is_empty() {
                    found.extend(self.rules.iter().position(|rule| rule.condition.is_none()));
                }
                for &number in &found {
                    rows_of[number] += 1;
                }
                let Some(&first) = found.first() else {
                    without += 1;
                    labels.push(None);
                    continue;
                };
                let other = found
                    .iter()
                    .find(|&&number| self.rules[number].label != self.rules[first].label);
                if let Some(&other) = other {
                    disputed += 1;
                    example.get_or_insert((first, other));
                    labels.push(None);
                } else {
                    labels.push(Some(self.rules[first].label.clone()));
                }
            }
        }
        let path = self.path.display();
        if let Some((one, other)) = example {
            printer.warning(&format!(
                "{path}: rules of several labels hold for {}, which are left out: the first is both {} (rule {}) and {} (rule {})",
                units::counted(disputed, "row", "rows"),
                self.rules[one].label,
                one + 1,
                self.rules[other].label,
                other + 1
            ));
        }
        for (number, rule) in self
            .rules
            .iter()
            .enumerate()
            .filter(|(n, _)| rows_of[*n] == 0)
        {
            printer.warning(&format!(
                "{path}: rule {} ({}) holds for no row",
                number + 1,
                rule.label
            ));
        }
        if without > 0 {
            printer.note(&format!(
                "{path}: no rule holds for {}, which are left out; a rule with an empty condition is for all that remain",
                units::counted(without, "row", "rows")
            ));
        }
        Ok(labels)
    }
}
