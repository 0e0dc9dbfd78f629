/* asset: music.related_artists
   description: The ten artists that sound most alike, for each artist; rank 1 is the nearest. Distance is Euclidean over six features from 0 to 1.
   owner: data-science
   tags: [music]
   write: { mode: replace, key: [artist_id, rank] }
   checks:
     - { unique: [artist_id, related_id] }
     - { row: "artist_id <> related_id", name: never_itself }
     - { between: { column: rank, min: 1, max: 10 } }
     - { row: "distance >= 0 and distance < 2.45", name: distances_of_six_features }
     - { references: { column: related_id, table: music.artist_profiles, to: artist_id } } */
select
  id as artist_id,
  neighbour_id as related_id,
  rank,
  distance
from nearest('music.artist_profiles', 'artist_id', 'features', 10)
