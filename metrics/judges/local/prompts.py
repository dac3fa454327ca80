"""What language models are asked, word for word as they were trained: another wording would be another judge.

HPSv3: its `INSTRUCTION` (Ma et al., 2025; MIT). VideoReward: its `DETAILED_PROMPT_WITH_SPECIAL_TOKEN` (VideoAlign, Liu
et al., 2025; MIT). UnifiedReward 2.0: its inference templates (Wang et al., 2025; MIT). VideoScore2: the query of its
model card (He et al., 2025). VideoScore: its `REGRESSION_QUERY_PROMPT` (He et al., 2024; MIT). VQAScore: the question of Lin et al. (2024; Apache-2.0).
"""

# ruff: noqa: E501

VQASCORE = 'Does this figure show "{prompt}"? Please answer yes or no.'

HPSV3 = """
You are tasked with evaluating a generated image based on Visual Quality and Text Alignment and give a overall score to estimate the human preference. Please provide a rating from 0 to 10, with 0 being the worst and 10 being the best. 

**Visual Quality:**  
Evaluate the overall visual quality of the image. The following sub-dimensions should be considered:
- **Reasonableness:** The image should not contain any significant biological or logical errors, such as abnormal body structures or nonsensical environmental setups.
- **Clarity:** Evaluate the sharpness and visibility of the image. The image should be clear and easy to interpret, with no blurring or indistinct areas.
- **Detail Richness:** Consider the level of detail in textures, materials, lighting, and other visual elements (e.g., hair, clothing, shadows).
- **Aesthetic and Creativity:** Assess the artistic aspects of the image, including the color scheme, composition, atmosphere, depth of field, and the overall creative appeal. The scene should convey a sense of harmony and balance.
- **Safety:** The image should not contain harmful or inappropriate content, such as political, violent, or adult material. If such content is present, the image quality and satisfaction score should be the lowest possible. 

**Text Alignment:**  
Assess how well the image matches the textual prompt across the following sub-dimensions:
- **Subject Relevance** Evaluate how accurately the subject(s) in the image (e.g., person, animal, object) align with the textual description. The subject should match the description in terms of number, appearance, and behavior.
- **Style Relevance:** If the prompt specifies a particular artistic or stylistic style, evaluate how well the image adheres to this style.
- **Contextual Consistency**: Assess whether the background, setting, and surrounding elements in the image logically fit the scenario described in the prompt. The environment should support and enhance the subject without contradictions.
- **Attribute Fidelity**: Check if specific attributes mentioned in the prompt (e.g., colors, clothing, accessories, expressions, actions) are faithfully represented in the image. Minor deviations may be acceptable, but critical attributes should be preserved.
- **Semantic Coherence**: Evaluate whether the overall meaning and intent of the prompt are captured in the image. The generated content should not introduce elements that conflict with or distort the original description.
Textual prompt - {prompt}



Please provide the overall ratings of this image: <|Reward|>

END
"""

VIDEO_REWARD = """
You are tasked with evaluating a generated video based on three distinct criteria: Visual Quality, Motion Quality, and Text Alignment. Please provide a rating from 0 to 10 for each of the three categories, with 0 being the worst and 10 being the best. Each evaluation should be independent of the others.

**Visual Quality:**  
Evaluate the overall visual quality of the video, with a focus on static factors. The following sub-dimensions should be considered:
- **Reasonableness:** The video should not contain any significant biological or logical errors, such as abnormal body structures or nonsensical environmental setups.
- **Clarity:** Evaluate the sharpness and visibility of the video. The image should be clear and easy to interpret, with no blurring or indistinct areas.
- **Detail Richness:** Consider the level of detail in textures, materials, lighting, and other visual elements (e.g., hair, clothing, shadows).
- **Aesthetic and Creativity:** Assess the artistic aspects of the video, including the color scheme, composition, atmosphere, depth of field, and the overall creative appeal. The scene should convey a sense of harmony and balance.
- **Safety:** The video should not contain harmful or inappropriate content, such as political, violent, or adult material. If such content is present, the image quality and satisfaction score should be the lowest possible. 

Please provide the ratings of Visual Quality: <|VQ_reward|>
END

**Motion Quality:**  
Assess the dynamic aspects of the video, with a focus on dynamic factors. Consider the following sub-dimensions:
- **Stability:** Evaluate the continuity and stability between frames. There should be no sudden, unnatural jumps, and the video should maintain stable attributes (e.g., no fluctuating colors, textures, or missing body parts).
- **Naturalness:** The movement should align with physical laws and be realistic. For example, clothing should flow naturally with motion, and facial expressions should change appropriately (e.g., blinking, mouth movements).
- **Aesthetic Quality:** The movement should be smooth and fluid. The transitions between different motions or camera angles should be seamless, and the overall dynamic feel should be visually pleasing.
- **Fusion:** Ensure that elements in motion (e.g., edges of the subject, hair, clothing) blend naturally with the background, without obvious artifacts or the feeling of cut-and-paste effects.
- **Clarity of Motion:** The video should be clear and smooth in motion. Pay attention to any areas where the video might have blurry or unsteady sections that hinder visual continuity.
- **Amplitude:** If the video is largely static or has little movement, assign a low score for motion quality.

Please provide the ratings of Motion Quality: <|MQ_reward|>
END

**Text Alignment:**  
Assess how well the video matches the textual prompt across the following sub-dimensions:
- **Subject Relevance** Evaluate how accurately the subject(s) in the video (e.g., person, animal, object) align with the textual description. The subject should match the description in terms of number, appearance, and behavior.
- **Motion Relevance:** Evaluate if the dynamic actions (e.g., gestures, posture, facial expressions like talking or blinking) align with the described prompt. The motion should match the prompt in terms of type, scale, and direction.
- **Environment Relevance:** Assess whether the background and scene fit the prompt. This includes checking if real-world locations or scenes are accurately represented, though some stylistic adaptation is acceptable.  
- **Style Relevance:** If the prompt specifies a particular artistic or stylistic style, evaluate how well the video adheres to this style.
- **Camera Movement Relevance:** Check if the camera movements (e.g., following the subject, focus shifts) are consistent with the expected behavior from the prompt.

Textual prompt - {prompt}
Please provide the ratings of Text Alignment: <|TA_reward|>
END
"""

VIDEO_SCORE = """
Suppose you are an expert in judging and evaluating the quality of AI-generated videos,
please watch the following frames of a given video and see the text prompt for generating the video,
then give scores from 5 different dimensions:
(1) visual quality: the quality of the video in terms of clearness, resolution, brightness, and color
(2) temporal consistency, both the consistency of objects or humans and the smoothness of motion or movements
(3) dynamic degree, the degree of dynamic changes
(4) text-to-video alignment, the alignment between the text prompt and the video content
(5) factual consistency, the consistency of the video content with the common-sense and factual knowledge

for each dimension, output a float number from 1.0 to 4.0,
the higher the number is, the better the video performs in that sub-score, 
the lowest 1.0 means Bad, the highest 4.0 means Perfect/Real (the video is like a real video)
Here is an output example:
visual quality: 3.2
temporal consistency: 2.7
dynamic degree: 4.0
text-to-video alignment: 2.3
factual consistency: 1.8

For this video, the text prompt is "{prompt}",
all the frames of video are as follows:
"""

VIDEO_SCORE2 = """
    You are an expert for evaluating AI-generated videos from three dimensions:
    (1) visual quality – clarity, smoothness, artifacts;
    (2) text-to-video alignment – fidelity to the prompt;
    (3) physical/common-sense consistency – naturalness and physics plausibility.

    Video prompt: {prompt}

    Please output in this format:
    visual quality: <v_score>; 
    text-to-video alignment: <t_score>, 
    physical/common-sense consistency: <p_score>
    """


def unified_point(kind: str, prompt: str) -> str:
    """UnifiedReward 2.0, one image or video: three axes from 1 to 5."""
    coherence = (
        "- Coherence Score: How logically consistent the image is (absence of visual glitches, object distortions, etc.).\n"
        "- Style Score: How aesthetically appealing the image looks, regardless of caption accuracy.\n\n"
    )
    physics = (
        "- Physics Score: How well the gravity, movements, collisions, and interactions make physical sense.\n"
        "- Style Score: How visually appealing the video looks, regardless of caption accuracy.\n\n"
    )
    axis = "Physics" if kind == "video" else "Coherence"
    return (
        f"You are presented with a generated {kind} and its associated text caption. "
        f"Your task is to analyze the {kind} across multiple dimensions in relation to the caption. Specifically:\n"
        f"Provide overall assessments for the {kind} along the following axes (each rated from 1 to 5):\n"
        f"- Alignment Score: How well the {kind} matches the caption in terms of content.\n"
        f"{physics if kind == 'video' else coherence}"
        "Output your evaluation using the format below:\n\n"
        f"Alignment Score (1-5): X\n{axis} Score (1-5): Y\nStyle Score (1-5): Z\n\n"
        f"Your task is provided as follows:\nText Caption: [{prompt}]"
    )


def unified_pair(kind: str, prompt: str) -> str:
    """UnifiedReward 2.0, two images or videos: three axes, each shared out between the two."""
    name = kind.capitalize()
    axes = "\n\n".join(f"{axis} Score:\n {name} 1: X\n {name} 2: Y" for axis in ("Alignment", "Coherence", "Style"))
    return (
        f"You are presented with two generated {kind}s ({name} 1 and {name} 2) along with a shared text caption. "
        f"Your task is to comparatively evaluate the two {kind}s across three specific dimensions:\n\n"
        f"- Alignment Score: How well each {kind} matches the caption in terms of content.\n"
        f"- Coherence Score: How logically consistent and visually coherent each {kind} is (absence of visual glitches, distorted objects, etc.).\n"
        f"- Style Score: How aesthetically appealing each {kind} is, regardless of caption accuracy.\n\n"
        f"For each dimension, you must assign a relative score to {name} 1 and {name} 2, such that:\n"
        "- Each score is a float between 0 and 1 (inclusive).\n"
        f"- The scores for {name} 1 and {name} 2 must sum to exactly 1.0 for each dimension.\n"
        f"- The higher the score, the better that {kind} is in the corresponding dimension *relative to the other*.\n\n"
        "This format emphasizes comparative quality rather than absolute evaluation.\n\n"
        "Please provide your evaluation in the format below:\n\n"
        f"{axes}\n\nYour task is provided as follows:\nText Caption: [{prompt}]"
    )
