"""Language identification with the model that ships with the environment."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gristmill.signals.language import LANGUAGES
from spark_jobs.text.language import HEAD_CHARS, UNKNOWN, _model, language

SAMPLES = {
    "en": "The server can be configured to log every request, and the log files should be rotated daily.",
    "fr": "Le serveur peut être configuré pour journaliser chaque requête, et les fichiers doivent être archivés.",
    "de": "Der Server kann so eingerichtet werden, dass er jede Anfrage protokolliert und täglich archiviert.",
    "es": "El servidor se puede configurar para registrar cada petición, y los archivos deben rotarse cada día.",
    "pt": "O servidor pode ser configurado para registar cada pedido, e os ficheiros não devem ser apagados.",
    "tr": "Sunucu her isteği günlüğe kaydedecek şekilde yapılandırılabilir ve dosyalar her gün döndürülmelidir.",
    "ru": "Сервер можно настроить так, чтобы он записывал каждый запрос, а файлы нужно менять ежедневно.",
    "ar": "يمكن إعداد الخادم لتسجيل كل طلب، ويجب تدوير ملفات السجل كل يوم.",
    "hi": "सर्वर को हर अनुरोध दर्ज करने के लिए सेट किया जा सकता है और फ़ाइलें रोज़ बदलनी चाहिए।",
    "zh": "服务器可以配置为记录每个请求，日志文件应该每天轮换一次。",
    "ja": "サーバーは各リクエストを記録するように設定でき、ログファイルは毎日切り替える必要があります。",
    "ko": "서버는 모든 요청을 기록하도록 설정할 수 있으며 로그 파일은 매일 교체해야 합니다.",
    "th": "เซิร์ฟเวอร์สามารถตั้งค่าให้บันทึกทุกคำขอ และควรหมุนเวียนไฟล์บันทึกทุกวัน",
}


def identify(*texts: str | None) -> list[tuple[str, float]]:
    table = language(pa.array(range(len(texts)), pa.int64()), pa.array(texts, pa.string()))
    assert table.schema.names == ["doc_id", "language", "score"]
    return list(zip(table.column("language").to_pylist(), table.column("score").to_pylist(), strict=True))


@pytest.mark.parametrize("code", SAMPLES)
def test_a_sentence_is_recognised(code: str) -> None:
    ((found, score),) = identify(SAMPLES[code])
    assert found == code
    assert 0.5 < score <= 1.0


@pytest.mark.parametrize("text", ["", None, " \n\t", "12 345 - 67 %", "!!! ... ???", "\u200b", "🙂🙂"])
def test_text_without_a_letter_has_no_language(text: str | None) -> None:
    assert identify(text) == [(UNKNOWN, 0.0)]


def test_only_the_head_is_measured_and_line_breaks_do_not_matter() -> None:
    english = SAMPLES["en"] + " "
    padded = english * (HEAD_CHARS // len(english) + 1)
    same = identify(padded, padded + SAMPLES["zh"] * 100, padded.replace(" ", "\n"))
    assert len(set(same)) == 1


def test_rows_are_measured_one_by_one() -> None:
    together = identify(*SAMPLES.values())
    assert together == [identify(text)[0] for text in SAMPLES.values()]


def test_the_gates_know_every_code_of_the_model() -> None:
    labels, _ = _model().predict("hello", -1, 0.0)
    codes = {label.removeprefix("__label__") for label in labels}
    assert len(codes) > 150
    assert codes <= LANGUAGES
    assert len(LANGUAGES) == 176
