/* asset: music.resolved_names
   description: The names that mean one artist.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [name], allow_empty: true }
   checks:
     - { unique: [name] }
     - { references: { column: artist_id, table: music.identities, to: artist_id } } */
select m.name, m.artist_id, i.name as artist_name, m.errors as typing_errors, m.found_by
from music.meanings m
join music.identities i on i.artist_id = m.artist_id
where m.meanings = 1
