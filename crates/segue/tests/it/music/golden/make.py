"""Writes tracks.csv: ten artists with ten tracks each, each track four times, as the reference's file had them.

The tracks are made up, and their figures are chosen: the least and the most of each feature are the reference's, and so are each artist's
nearest neighbour and its distance, to four decimals. An artist's mean stands where CENTRES says, from 0 (the least of all tracks) to 1.
"""

FEATURES = ["danceability", "energy", "loudness", "speechiness", "acousticness", "instrumentalness"]
LEAST = [0.207, 0.271, -17.343, 0.0247, 0.000202, 0.0]
MOST = [0.925, 0.982, -2.522, 0.466, 0.734, 0.784]
DECIMALS = 9


def moved(centre, feature, by):
    return [value + (by if at == feature else 0.0) for at, value in enumerate(centre)]


CENTRES = {}
CENTRES["ABBA"] = [0.50, 0.50, 0.50, 0.10, 0.30, 0.05]
CENTRES["Alan Jackson"] = moved(CENTRES["ABBA"], 0, 0.1883)
CENTRES["ABC"] = moved(CENTRES["Alan Jackson"], 1, 0.1933)
CENTRES["Alice Cooper"] = [0.30, 0.30, 0.80, 0.20, 0.20, 0.30]
CENTRES["Agnetha Faltskog"] = moved(CENTRES["Alice Cooper"], 4, 0.1310)
CENTRES["Albert King"] = moved(CENTRES["Alice Cooper"], 5, 0.3544)
CENTRES["A Thousand Horses"] = [0.35, 0.80, 0.75, 0.10, 0.05, 0.02]
CENTRES["Aerosmith"] = moved(CENTRES["A Thousand Horses"], 1, -0.2135)
CENTRES["2Pac"] = [0.75, 0.60, 0.60, 0.60, 0.15, 0.02]
CENTRES["50 Cent"] = moved(CENTRES["2Pac"], 3, 0.3280)

# Who has the track with the least, and who the one with the most, of each feature.
LOWEST = ["Alice Cooper", "Agnetha Faltskog", "ABBA", "A Thousand Horses", "Aerosmith", "ABC"]
HIGHEST = ["2Pac", "Aerosmith", "Alice Cooper", "50 Cent", "Agnetha Faltskog", "Albert King"]


def ten(artist, feature):
    """Ten values from 0 to 1 whose mean is the artist's."""
    mean = CENTRES[artist][feature]
    if LOWEST[feature] == artist:
        return [0.0] + [mean * 10 / 9] * 9
    if HIGHEST[feature] == artist:
        return [1.0] + [(mean * 10 - 1) / 9] * 9
    room = min(mean, 1 - mean) * 0.8
    half = [room * (at + 1) / 5 for at in range(5)]
    return [mean + by for by in half] + [mean - by for by in half]


def written(feature, value):
    if value in (0.0, 1.0):
        return str(LEAST[feature] if value == 0.0 else MOST[feature])
    return f"{LEAST[feature] + value * (MOST[feature] - LEAST[feature]):.{DECIMALS}f}"


def main():
    lines = ["artist_id,track_id,rank," + ",".join(FEATURES)]
    for artist in CENTRES:
        columns = [ten(artist, feature) for feature in range(6)]
        for at in range(10):
            values = [written(feature, columns[feature][at]) for feature in range(6)]
            line = ",".join([artist, f"{artist}/{at + 1}", str(at + 1)] + values)
            lines += [line] * 4
    with open("tracks.csv", "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


main()
