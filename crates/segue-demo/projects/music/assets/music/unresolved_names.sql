/* asset: music.unresolved_names
   description: The names that nobody was found for, each with the reason.
   owner: data-engineering
   tags: [music, names]
   write: { mode: replace, key: [name], allow_empty: true }
   checks:
     - { unique: [name] } */
with answers as (
  select
    n.name,
    count(distinct s.id) as of_spotify,
    count(distinct b.mbid) as of_musicbrainz,
    array_to_string(array_slice(array_sort(array_agg(distinct coalesce(s.name, b.name))), 1, 5), ', ') as nearest
  from music.names n
  left join raw.spotify_candidates s on s.phrase = n.phrase
  left join raw.musicbrainz_candidates b on b.phrase = n.phrase
  group by n.name
)
select
  r.name,
  case
    when c.name is null then 'there is no letter in it'
    when m.name is not null then 'what is known of the artist has no name yet'
    when a.of_spotify = 0 and a.of_musicbrainz = 0 then 'neither Spotify nor MusicBrainz has told anybody of this name'
    else 'nobody of this name among: ' || a.nearest
  end as reason
from raw.artist_names r
left join music.names c on c.name = r.name
left join answers a on a.name = r.name
left join (select distinct name from music.meanings) m on m.name = r.name
left join (select name from music.resolved_names union select name from music.ambiguous_names) d on d.name = r.name
where d.name is null
