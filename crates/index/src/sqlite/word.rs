//! The dictionary of names' words: what a part of a word, its beginning or its sound may be of.
//!
//! A word is noted when a study of that name comes, and forgotten with the last one. Each is also a value in the table
//! of keys, so what is found here is looked up there.

use std::collections::BTreeSet;

use model::matching::Wanted;
use model::person_name;
use rusqlite::{Connection, params};

use super::sql::Sql;
use crate::IndexError;

/// So many words are looked up one by one; who asks for more walks along the studies.
pub(super) const MOST: usize = 512;
/// Letters in a row that are indexed.
const GRAM: usize = 3;

/// Notes a word.
pub(super) fn note(conn: &Connection, word: &str) -> Result<(), IndexError> {
    let known = conn.prepare_cached("SELECT 1 FROM word WHERE text = ?1")?.exists([word])?;
    if known {
        return Ok(());
    }
    let latin = person_name::latin(word);
    let sound = person_name::sound(&latin);
    conn.prepare_cached("INSERT INTO word VALUES (?1, ?2, ?3)")?.execute(params![word, latin, sound])?;
    for gram in grams(word) {
        conn.prepare_cached("INSERT INTO word_gram VALUES (?1, ?2)")?.execute([gram.as_str(), word])?;
    }
    Ok(())
}

/// Forgets a word that no study has any more.
pub(super) fn forget(conn: &Connection, word: &str) -> Result<(), IndexError> {
    let used = conn.prepare_cached("SELECT 1 FROM study_key WHERE kind IN (?1, ?2) AND value = ?3")?.exists(
        params![super::key::Kind::PatientWord as i64, super::key::Kind::ReferringWord as i64, word],
    )?;
    if used {
        return Ok(());
    }
    for gram in grams(word) {
        conn.prepare_cached("DELETE FROM word_gram WHERE gram = ?1 AND word = ?2")?
            .execute([gram.as_str(), word])?;
    }
    conn.prepare_cached("DELETE FROM word WHERE text = ?1")?.execute([word])?;
    Ok(())
}

/// The words that contain a part, unless they are more than [`MOST`].
pub(super) fn containing(conn: &Connection, part: &str) -> Result<Option<Vec<String>>, IndexError> {
    let mut rarest: Option<Vec<String>> = None;
    for gram in grams(part) {
        let mut sql = Sql::new("SELECT word FROM word_gram WHERE gram = ");
        sql.text(&gram).push(" LIMIT ").bind(CONSIDERED as i64);
        let words = texts(conn, &sql)?;
        if rarest.as_ref().is_none_or(|rarest| words.len() < rarest.len()) {
            rarest = Some(words);
        }
    }
    let words = match rarest {
        Some(words) if words.len() >= CONSIDERED => return Ok(None),
        Some(words) => words.into_iter().filter(|word| word.contains(part)).collect(),
        // Too short for grams: the whole dictionary, until there are too many.
        None => {
            let mut sql = Sql::new("SELECT text FROM word WHERE instr(text, ");
            sql.text(part).push(") > 0 LIMIT ").bind(MOST as i64 + 1);
            texts(conn, &sql)?
        }
    };
    Ok(Some(words).filter(|words: &Vec<String>| words.len() <= MOST))
}

/// The words that a fuzzy key's word may mean, unless they are more than [`MOST`].
pub(super) fn fitting(conn: &Connection, wanted: &Wanted) -> Result<Option<Vec<String>>, IndexError> {
    if let Some(pattern) = &wanted.pattern {
        let Some(part) = person_name::literal_part(pattern) else {
            return Ok(None);
        };
        let words = containing(conn, &part)?;
        return Ok(words.map(|words| words.into_iter().filter(|word| wanted.fits(word)).collect()));
    }
    let most = MOST as i64 + 1;
    let mut begins = Sql::new("SELECT text FROM word WHERE latin >= ");
    begins.text(&wanted.latin);
    if let Some(before) = super::plan::behind_prefix(&wanted.latin) {
        begins.push(" AND latin < ").text(&before);
    }
    begins.push(" LIMIT ").bind(most);
    let mut words: BTreeSet<String> = texts(conn, &begins)?.into_iter().collect();
    if !wanted.sound.is_empty() {
        let mut heard = Sql::new("SELECT text FROM word WHERE sound <> '' AND sound = ");
        heard.text(&wanted.sound).push(" LIMIT ").bind(most);
        words.extend(texts(conn, &heard)?);
    }
    Ok(Some(words.into_iter().collect()).filter(|words: &Vec<String>| words.len() <= MOST))
}

/// Words of the rarest gram that are compared one by one.
const CONSIDERED: usize = 4_096;

fn texts(conn: &Connection, sql: &Sql) -> Result<Vec<String>, IndexError> {
    sql.rows(conn, |row| Ok(row.get(0)?))
}

fn grams(word: &str) -> BTreeSet<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.windows(GRAM).map(|gram| gram.iter().collect()).collect()
}
